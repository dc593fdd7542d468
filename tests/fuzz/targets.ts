/** Everything that is fuzzed. */

import type { Target } from "./check.ts";
import { LLHTTP, type Peer } from "./http/peer.ts";
import { HOST_TARGETS } from "./hosts/properties.ts";
import { PATH_TARGETS } from "./paths/properties.ts";
import { soundTargets, streamTargets } from "./http/properties.ts";

/** All targets; further HTTP parsers than Node's are asked about broken streams when they are given. */
export function targets(peers: readonly Peer[] = []): readonly Target[] {
  return [
    ...streamTargets([LLHTTP, ...peers]),
    ...soundTargets([LLHTTP]),
    ...PATH_TARGETS,
    ...HOST_TARGETS,
  ];
}
