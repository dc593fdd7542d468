/**
 * Runs `git http-backend` for one request: bytes go through it both ways as they come, none are kept.
 *
 * On node's HTTP server, since Deno's own reads a body far ahead of whoever takes it: 300 MB into a git that works on
 * them took 200 MB of memory and most of the time for moving them about.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { GIT_ENV } from "../git_gate/git.ts";
import { type Refusal, tooLarge } from "./requests.ts";

/** How long a client may be silent in the middle of a body, milliseconds. */
const IDLE = 60_000;

/** Head of a CGI response: longer ones are none of git's. */
const MAX_HEAD = 16 * 1024;

/** What git is told of a request. */
export interface BackendRequest {
  /** Folder of the mirrors. */
  readonly root: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Most bytes of the body. */
  readonly limit: number;
}

/** Runs it and answers. Gives why it could not: then nothing is answered yet. */
export async function runBackend(
  request: BackendRequest,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<Refusal | undefined> {
  const child = new Deno.Command("git", {
    args: ["http-backend"],
    env: { ...GIT_ENV, GIT_PROJECT_ROOT: request.root, GIT_HTTP_EXPORT_ALL: "1", ...request.variables },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  // Reaps it, whoever ended it.
  void child.status;
  // Of a request whose body was given up, the socket is not told any more.
  const { socket } = incoming;
  const output = child.stdout.getReader();
  const fed = feed(child, incoming, request.limit);
  try {
    const head = await readHead(output);
    if (head === undefined) return await fed ?? { status: 500, text: "git http-backend gave no answer" };
    // It begins its answer before it has read: a body that is too long must be known before the client hears 200.
    const next: Promise<Uint8Array | undefined> = head.rest.length > 0
      ? Promise.resolve(head.rest)
      : output.read().then(({ value }) => value);
    const first = await Promise.race([next, fed.then<First>((fault) => fault ?? next)]);
    if (first !== undefined && "status" in first) return first;
    outgoing.writeHead(head.status, head.headers);
    await send(outgoing, output, first);
    // Git may have answered in the middle of a body, which goes on; what is wrong with it then can only be cut off.
    if (await fed !== undefined) socket.destroy();
    return undefined;
  } finally {
    // A client that goes away closes the pipe, and that ends git.
    await output.cancel().catch(() => {});
  }
}

/** What comes first: a piece of the answer, its end, or a fault of the request. */
type First = Refusal | Uint8Array | undefined;

/** Gives the body to git. Gives what is wrong with it; then git is ended, and nothing has moved. */
async function feed(
  child: Deno.ChildProcess,
  incoming: IncomingMessage,
  limit: number,
): Promise<Refusal | undefined> {
  const writer = child.stdin.getWriter();
  // A request without a body ends at once.
  const wait = () => setTimeout(() => incoming.destroy(), IDLE);
  let late = wait();
  let [count, deaf] = [0, false];
  try {
    for await (const bytes of incoming) {
      clearTimeout(late);
      late = wait();
      count += bytes.length;
      if (count > limit) throw new TooLarge();
      // Git that has seen enough says why in its answer; a client that is still sending must get there.
      if (!deaf) await writer.write(bytes).catch(() => deaf = true);
    }
    await writer.close().catch(() => {});
    return undefined;
  } catch (error) {
    // Cut off before its end, a pack is refused by git as well.
    kill(child);
    await writer.abort().catch(() => {});
    return error instanceof TooLarge ? tooLarge(limit) : { status: 408, text: "the body did not come" };
  } finally {
    clearTimeout(late);
  }
}

class TooLarge extends Error {}

/** What stands before the body of a CGI response (RFC 3875, 6). */
interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body that came with it. */
  readonly rest: Uint8Array;
}

async function readHead(output: ReadableStreamDefaultReader<Uint8Array>): Promise<Head | undefined> {
  let held = new Uint8Array(0);
  while (held.length < MAX_HEAD) {
    const { value, done } = await output.read();
    if (done) return undefined;
    const all = new Uint8Array(held.length + value.length);
    all.set(held);
    all.set(value, held.length);
    held = all;
    const text = new TextDecoder("latin1").decode(held);
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const headers: Record<string, string> = {};
    let status = 200;
    for (const line of text.slice(0, end).split("\r\n")) {
      const [name, content] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()];
      if (name.toLowerCase() === "status") status = Number(content.slice(0, 3));
      else headers[name] = content;
    }
    return { status, headers, rest: held.subarray(end + 4) };
  }
  return undefined;
}

/** Passes the answer on, no faster than the client takes it. */
async function send(
  outgoing: ServerResponse,
  output: ReadableStreamDefaultReader<Uint8Array>,
  first: Uint8Array | undefined,
): Promise<void> {
  const gone = new Promise<void>((resolve) => outgoing.once("close", resolve));
  for (let bytes = first; bytes !== undefined; bytes = (await output.read()).value) {
    if (outgoing.destroyed) return;
    if (outgoing.write(bytes)) continue;
    await Promise.race([gone, new Promise<void>((resolve) => outgoing.once("drain", resolve))]);
  }
  outgoing.end();
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}
