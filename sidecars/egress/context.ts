/** What the connections of one egress share. */

import type { AccessLog } from "./access_log.ts";
import type { LeafSource } from "./lazy_leaves.ts";
import type { Limits } from "./limits.ts";
import type { Policy } from "./policy.ts";
import type { Upstreams } from "./upstream.ts";
import type { Watches } from "./watch.ts";

/** Parts of one running egress. */
export interface Egress {
  readonly policy: Policy;
  readonly leaves: LeafSource;
  readonly upstreams: Upstreams;
  readonly log: AccessLog;
  readonly limits: Limits;
  readonly watches: Watches;
  /** Protocols offered inside TLS, the preferred one first. */
  readonly protocols: readonly string[];
  /** HTTP/2 streams open now, on all connections. */
  readonly streams: Set<unknown>;
}
