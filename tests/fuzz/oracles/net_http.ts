/** The HTTP/1.1 parser of Go's net/http (what pipelock reads with), in a process of its own. */

import { hasExtension, type Peer, type PeerTask, type PeerVerdict } from "../http/peer.ts";

/** A running process, and the parser that it is. */
export interface RunningPeer extends AsyncDisposable {
  readonly peer: Peer;
}

/** Builds and starts the program; undefined: there is no Go here. */
export async function startNetHttp(): Promise<RunningPeer | undefined> {
  const folder = await Deno.makeTempDir();
  const program = `${folder}/net_http`;
  const source = new URL("go/main.go", import.meta.url).pathname;
  try {
    const build = await new Deno.Command("go", { args: ["build", "-o", program, source] }).output();
    if (!build.success) throw new Error(new TextDecoder().decode(build.stderr));
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const child = new Deno.Command(program, { stdin: "piped", stdout: "piped" }).spawn();
  const answers = linesOf(child.stdout);
  const writer = child.stdin.getWriter();
  const encoder = new TextEncoder();
  const read = async ({ side, answers: method, wire }: PeerTask): Promise<PeerVerdict> => {
    await writer.write(encoder.encode(`${side} ${method || "-"} ${JSON.stringify(wire)}\n`));
    const { value } = await answers.next();
    return JSON.parse(value!) as PeerVerdict;
  };
  return {
    peer: { name: "net/http", read, rewrites: REWRITES, mayRefuse },
    async [Symbol.asyncDispose]() {
      await writer.close();
      await answers.return(undefined);
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** It keeps these apart from the others, or drops them when it has understood them. */
const REWRITES = new Set(["host", "transfer-encoding", "trailer", "connection", "cache-control"]);

const mayRefuse: Peer["mayRefuse"] = (code, { head, framing }, task) => {
  // It judges the Host header and the target too, which egress does elsewhere.
  if (code === "too many Host headers") return head.fields.filter(({ name }) => name === "host").length > 1;
  if ("target" in head && code.startsWith("parse ")) {
    return !head.target.startsWith("/") || /%(?![0-9A-Fa-f]{2})/.test(head.target);
  }
  // It takes fewer chunk extensions.
  return hasExtension(framing, task) && code === "invalid byte in chunk length";
};

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
