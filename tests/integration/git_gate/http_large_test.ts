/** 300 MB through git-http, both ways: what it holds of them is a few buffers. */

import { assert, assertEquals } from "@std/assert";
import { clone, startGate } from "../../support/git_gate.ts";
import { startSshUpstream } from "../../support/sshd.ts";

const FILES = 300;
const BYTES = 1_000_000;
/** What the process may take beyond what it took before, MiB: a pack held whole would be 287. */
const MAX_GROWTH = 100;

/** Most memory that a process ever had, MiB. */
async function peak(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024;
}

/** Random bytes: nothing makes them smaller on the way. */
function noise(): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  for (let at = 0; at < BYTES; at += 65536) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(BYTES, at + 65536)));
  }
  return bytes;
}

Deno.test("300 MB are pushed and cloned over HTTP in constant memory", async () => {
  await using upstream = await startSshUpstream();
  await upstream.makeRepo("app");
  await using gate = await startGate({ upstream, transport: "http", repos: [{ name: "app" }] });
  await using work = await clone(gate.url("app"));
  // Nothing is gained by trying to make the noise smaller.
  await work.ok("config", "core.compression", "0");
  await work.commit("small", { "README.md": "hello\n" });
  await work.ok("push", "-q", "origin", "HEAD:refs/heads/main");
  const before = await peak(gate.pid);
  const files = Array.from({ length: FILES }, (_, at) => [`d/${at}.dat`, noise()] as const);
  const commit = await work.commit("large", Object.fromEntries(files));
  await work.ok("push", "-q", "origin", "HEAD:refs/heads/main");
  const pushed = await peak(gate.pid);
  await using again = await clone(gate.url("app"), ["--no-checkout"]);
  assertEquals(await again.ok("rev-parse", "HEAD"), commit);
  const cloned = await peak(gate.pid);
  assert(
    cloned - before < MAX_GROWTH,
    `${before} MiB before, ${pushed} after the push, ${cloned} after the clone`,
  );
});
