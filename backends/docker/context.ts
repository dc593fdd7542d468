/** What every part of the docker backend works with. */

import type { Engine } from "./engine/engine.ts";
import type { EngineFacts } from "./engine/system.ts";

/** The connected engine and whose bottles these are. */
export interface DockerContext {
  readonly engine: Engine;
  /** What the engine said of itself when it was connected. */
  readonly facts: EngineFacts;
  /** Operator's home folder. */
  readonly hostHome: string;
  /** Host environment. */
  readonly hostEnv: Readonly<Record<string, string>>;
  /** Digest of the operator's state folder, a label of every resource. */
  readonly home: string;
}
