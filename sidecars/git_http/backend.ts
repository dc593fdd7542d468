/** Runs `git http-backend` for one request: bytes go through it both ways as they come, none are kept. */

import { GIT_ENV } from "../git_gate/git.ts";
import { type Refusal, tooLarge } from "./requests.ts";

/** How long a client may be silent in the middle of a body, milliseconds. */
const IDLE = 60_000;

/** Head of a CGI response: longer ones are none of git's. */
const MAX_HEAD = 16 * 1024;

/** What a request brings. */
export interface BackendRequest {
  /** Folder of the mirrors. */
  readonly root: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Most bytes of the body. */
  readonly limit: number;
}

/** Runs it. Gives its answer, or why there is none. */
export async function runBackend(request: BackendRequest): Promise<Response | Refusal> {
  const child = new Deno.Command("git", {
    args: ["http-backend"],
    env: {
      ...GIT_ENV,
      GIT_PROJECT_ROOT: request.root,
      GIT_HTTP_EXPORT_ALL: "1",
      ...request.variables,
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  // Reaps it, whoever ended it.
  void child.status;
  const output = child.stdout.getReader();
  const fed = feed(child, request);
  const head = await readHead(output);
  if (head === undefined) {
    await output.cancel().catch(() => {});
    return await fed ?? { status: 500, text: "git http-backend gave no answer" };
  }
  // The backend begins its answer before it has read: a body that is too long must be known before the client hears 200.
  const next: Promise<Uint8Array | undefined> = head.rest.length > 0
    ? Promise.resolve(head.rest)
    : output.read().then(({ value }) => value);
  const first = await Promise.race([
    next,
    fed.then<Refusal | Uint8Array | undefined>((fault) => fault ?? next),
  ]);
  if (first !== undefined && "status" in first) {
    await output.cancel().catch(() => {});
    return first;
  }
  return new Response(rest(output, first), { status: head.status, headers: head.headers });
}

/** Gives the body to the backend. Gives what is wrong with it; then the backend is ended, and nothing has moved. */
async function feed(child: Deno.ChildProcess, { body, limit }: BackendRequest): Promise<Refusal | undefined> {
  const writer = child.stdin.getWriter();
  const reader = body?.getReader();
  let count = 0;
  try {
    while (reader !== undefined) {
      const { value, done } = await inTime(reader.read());
      if (done) break;
      count += value.length;
      if (count > limit) throw new TooLarge();
      try {
        await writer.write(value);
      } catch {
        // It has seen enough: its answer says why.
        await reader.cancel().catch(() => {});
        return undefined;
      }
    }
    await writer.close().catch(() => {});
    return undefined;
  } catch (error) {
    // Cut off before its end, the pack is refused by git as well.
    kill(child);
    await writer.abort().catch(() => {});
    await reader?.cancel().catch(() => {});
    return error instanceof TooLarge ? tooLarge(limit) : { status: 408, text: "the body did not come" };
  }
}

class TooLarge extends Error {}

async function inTime<T>(read: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the client is silent")), IDLE);
  });
  try {
    return await Promise.race([read, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What stands before the body of a CGI response (RFC 3875, 6). */
interface Head {
  readonly status: number;
  readonly headers: Headers;
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
    const headers = new Headers();
    let status = 200;
    for (const line of text.slice(0, end).split("\r\n")) {
      const [name, content] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()];
      if (name.toLowerCase() === "status") status = Number(content.slice(0, 3));
      else headers.set(name, content);
    }
    return { status, headers, rest: held.subarray(end + 4) };
  }
  return undefined;
}

/** The body of the answer. A client that goes away closes the pipe, and that ends the backend. */
function rest(
  output: ReadableStreamDefaultReader<Uint8Array>,
  first: Uint8Array | undefined,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (first !== undefined) controller.enqueue(first);
      else controller.close();
    },
    async pull(controller) {
      const { value, done } = await output.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => output.cancel(),
  });
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}
