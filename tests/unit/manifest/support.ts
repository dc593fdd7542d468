/** What the manifest tests share: folders with files, and the line that the operator reads. */

import { dirname, join } from "@std/path";
import { OperatorError } from "../../../lib/errors.ts";
import { Manifest } from "../../../lib/manifest/manifest.ts";
import type { ResolvedAgent } from "../../../lib/manifest/model.ts";

/** A home and a working folder that are removed at the end of the block. */
export interface Places {
  readonly root: string;
  readonly home: string;
  readonly cwd: string;
  write(path: string, content: string | Uint8Array): Promise<void>;
  load(): Promise<Manifest>;
  /** Loads and asks for the agent `demo`. */
  resolve(): Promise<ResolvedAgent>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes the folders with files, paths relative to their common root (`home/…`, `cwd/…`). */
export async function makePlaces(files: Readonly<Record<string, string>> = {}): Promise<Places> {
  const root = await Deno.makeTempDir({ prefix: "bottle-manifest-" });
  const [home, cwd] = [join(root, "home"), join(root, "cwd")];
  await Deno.mkdir(home);
  await Deno.mkdir(cwd);
  const write = async (path: string, content: string | Uint8Array) => {
    await Deno.mkdir(dirname(join(root, path)), { recursive: true });
    await Deno.writeFile(
      join(root, path),
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
  };
  for (const [path, content] of Object.entries(files)) await write(path, content);
  const load = () => Manifest.load({ home, cwd });
  return {
    root,
    home,
    cwd,
    write,
    load,
    resolve: async () => (await load()).resolve("demo"),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

/** A Markdown manifest. */
export function markdown(yaml: string, body = ""): string {
  return `---\n${yaml}\n---\n${body}`;
}

/** The line of the `OperatorError` that an action ends with. */
export async function lineOf(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (error instanceof OperatorError) return error.line;
    throw error;
  }
  throw new Error("no error was thrown");
}

export const BOTTLE = "home/.bot-bottle/bottles/dev.md";
export const AGENT = "home/.bot-bottle/agents/demo.md";
export const REPOSITORY_AGENT = "cwd/.bot-bottle/agents/demo.md";
