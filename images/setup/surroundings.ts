/** Where set-up runs. */

import type { Report } from "./report.ts";

/** What every step of set-up is given. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  /** `PATH` */
  readonly path: string;
  /** Operator's home folder. */
  readonly home: string;
  /** Folder for downloads and part images: `~/.cache/bot-bottle/parts`. Exists. */
  readonly cache: string;
  /** Folder of the engine's log: `~/.cache/bot-bottle`. Exists. */
  readonly logs: string;
  /** Processor as npm names it. */
  readonly arch: "x64" | "arm64";
  readonly report: Report;
}
