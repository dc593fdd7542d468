#!/usr/bin/env -S deno run --allow-read --allow-write --allow-run=git --allow-net
/** git-http: the git gate's mirrors over smart HTTP. `--help` says how to run it alone. */

import { messageOf } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import { access } from "../git_gate/access.ts";
import type { Gate, Mirror } from "../git_gate/gate.ts";
import { serveJournal } from "../git_gate/journal.ts";
import { setUp } from "../git_gate/mirror.ts";
import { type GateProgram, type Options, prefetch, print, runGateProgram } from "../git_gate/options.ts";
import { runBackend } from "./backend.ts";
import { bodyFault, cgiVariables, readRequest, type Refusal, targetOf } from "./requests.ts";

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
  const server = Deno.serve({
    hostname: options.hostname,
    port: options.port,
    onListen: ({ hostname, port }) =>
      print(Deno.stdout, `git-http: ${gate.mirrors.length} mirrors on ${hostname}:${port}`),
    onError: (error) => {
      print(Deno.stderr, `git-http: ${escapeUntrusted(messageOf(error))}`);
      return answer({ status: 500, text: "the gate has a fault" });
    },
  }, limited((request) => handle(gate, request)));
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, () => resolve());
  });
  prefetch(gate.mirrors);
  await Promise.race([ended, server.finished]);
  return 0;
}

/** Turns away what is too much at once. */
function limited(handle: (request: Request) => Promise<Response>): (request: Request) => Promise<Response> {
  let running = 0;
  return async (request) => {
    if (running >= MAX_REQUESTS) return answer({ status: 503, text: "too many requests at once" });
    running++;
    const done = () => void running--;
    try {
      const response = await handle(request);
      if (response.body === null) {
        done();
        return response;
      }
      return new Response(watched(response.body, done), response);
    } catch (error) {
      done();
      throw error;
    }
  };
}

/** A stream that tells when it has ended, one way or another. */
function watched(stream: ReadableStream<Uint8Array>, done: () => void): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done: last } = await reader.read();
        if (!last) return controller.enqueue(value);
        done();
        controller.close();
      } catch (error) {
        done();
        controller.error(error);
      }
    },
    async cancel(reason) {
      done();
      await reader.cancel(reason);
    },
  });
}

async function handle(gate: Gate, request: Request): Promise<Response> {
  const asked = readRequest(request.method, targetOf(request.url));
  if ("status" in asked) return answer(asked);
  const mirror = gate.mirrors.find((mirror) => mirror.name === asked.name);
  if (mirror === undefined || !await isFolder(mirror)) {
    return answer({ status: 404, text: "no such repository" });
  }
  if (asked.kind === "rpc") {
    const fault = bodyFault(request.headers, gate.maxPushBytes);
    if (fault !== undefined) return answer(fault);
  }
  const refusal = await access(gate, mirror, asked.service, asked.kind === "rpc" ? SAME_VISIT : 0);
  if (refusal !== undefined) return answer({ status: 403, text: refusal });
  const response = await runBackend({
    root: gate.root,
    variables: cgiVariables(asked, request.headers),
    body: request.body,
    limit: gate.maxPushBytes,
  });
  return response instanceof Response ? response : answer(response);
}

/** A link in its place would be served as whatever it leads to. */
async function isFolder({ path }: Mirror): Promise<boolean> {
  return (await Deno.lstat(path).catch(() => undefined))?.isDirectory ?? false;
}

/** git's clients show the text, each line behind `remote: `. */
function answer({ status, text }: Refusal): Response {
  const headers = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
  return new Response(`git-http: ${text}\n`, { status, headers });
}

if (import.meta.main) await runGateProgram(PROGRAM, Deno.args);
