#!/usr/bin/env -S deno run --allow-read --allow-write --allow-run=git --allow-net
/** git-http: the git gate's mirrors over smart HTTP. `--help` says how to run it alone. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { messageOf } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import { access } from "../git_gate/access.ts";
import type { Gate, Mirror } from "../git_gate/gate.ts";
import { serveJournal } from "../git_gate/journal.ts";
import { setUp } from "../git_gate/mirror.ts";
import { type GateProgram, type Options, prefetch, print, runGateProgram } from "../git_gate/options.ts";
import { runBackend } from "./backend.ts";
import { bodyFault, cgiVariables, readRequest, type Refusal } from "./requests.ts";

/** Requests at once; a client asks one after the other. */
const MAX_REQUESTS = 32;

/** How old the look of the listing may be for the request that follows it, milliseconds. */
const SAME_VISIT = 10_000;

const PROGRAM: GateProgram = {
  name: "git-http",
  about: "mirrors of a bottle's repositories, served over smart HTTP",
  example: "git clone http://127.0.0.1:9420/demo.git",
  serve,
};

/** Serves until a signal. */
async function serve(gate: Gate, options: Options): Promise<number> {
  const beside = import.meta.url;
  await setUp(gate, new URL(`../git_gate/main${beside.slice(beside.lastIndexOf("."))}`, beside).href);
  using _journal = serveJournal(gate, PROGRAM.name, (line) => print(Deno.stdout, line));
  let running = 0;
  const server = createServer((incoming, outgoing) => {
    if (running >= MAX_REQUESTS) return answer(outgoing, { status: 503, text: "too many requests at once" });
    running++;
    handle(gate, incoming, outgoing)
      .catch((error): Refusal => {
        print(Deno.stderr, `git-http: ${escapeUntrusted(messageOf(error))}`);
        return { status: 500, text: "the gate has a fault" };
      })
      .then((refusal) => refusal && answer(outgoing, refusal))
      .finally(() => running--);
  });
  server.listen(options.port, options.hostname, () => {
    print(Deno.stdout, `git-http: ${gate.mirrors.length} mirrors on ${options.hostname}:${options.port}`);
  });
  prefetch(gate.mirrors);
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, () => resolve(0));
  });
}

/** Answers a request of git's. Gives what to answer instead. */
async function handle(
  gate: Gate,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<Refusal | undefined> {
  const asked = readRequest(incoming.method ?? "", incoming.url ?? "");
  if ("status" in asked) return asked;
  const mirror = gate.mirrors.find((mirror) => mirror.name === asked.name);
  if (mirror === undefined || !await isFolder(mirror)) return { status: 404, text: "no such repository" };
  const fault = asked.kind === "rpc" ? bodyFault(incoming.headers, gate.maxPushBytes) : undefined;
  if (fault !== undefined) return fault;
  const refusal = await access(gate, mirror, asked.service, asked.kind === "rpc" ? SAME_VISIT : 0);
  if (refusal !== undefined) return { status: 403, text: refusal };
  return await runBackend(
    {
      root: gate.root,
      variables: cgiVariables(asked, incoming.headers),
      limit: gate.maxPushBytes,
    },
    incoming,
    outgoing,
  );
}

/** A link in its place would be served as whatever it leads to. */
async function isFolder({ path }: Mirror): Promise<boolean> {
  return (await Deno.lstat(path).catch(() => undefined))?.isDirectory ?? false;
}

/** git's clients show the text, each line behind `remote: `. What of a body is still to come is not waited for. */
function answer(outgoing: ServerResponse, { status, text }: Refusal): void {
  if (outgoing.headersSent) return void outgoing.destroy();
  outgoing.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    "connection": "close",
  });
  outgoing.end(`git-http: ${text}\n`);
}

if (import.meta.main) await runGateProgram(PROGRAM, Deno.args);
