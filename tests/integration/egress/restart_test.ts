/**
 * The next proxy dies under load and comes back: a request in flight gets a clean 502, or a stream that is seen to be
 * cut, and nothing else; what comes after the restart passes, and egress itself goes on as it was.
 *
 * Shown with a plain CONNECT proxy and with the pipelock that BOT_BOTTLE_TEST_PIPELOCK names, which needs port 443.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { EgressRoute } from "../../../lib/egress/model.ts";
import { type NextProxy, startConnectProgram, startPipelock } from "./next_proxy.ts";
import { openFilesOf } from "./process_facts.ts";
import {
  makePki,
  openTunnel,
  type Pki,
  startEgress,
  startUpstream,
  text,
  until,
  type Wire,
} from "./support.ts";

const CLIENTS = 24;
const EVENTS = 10;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const chunk = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n`;

/** Echoes a path, takes a body, or sends events for a tenth of a second. */
async function serve(wire: Wire): Promise<void> {
  for (let head = await wire.head(); head !== ""; head = await wire.head()) {
    const path = head.split(" ")[1]!;
    const length = Number(/\r\nContent-Length: *([0-9]+)/i.exec(head)?.[1] ?? 0);
    const body = path + text(await wire.take(length));
    if (!path.startsWith("/events")) {
      await wire.send(
        `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      continue;
    }
    await wire.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for (let event = 0; event < EVENTS; event++) {
      await wire.send(chunk(`data: ${path} ${event}\n\n`));
      await pause(10);
    }
    await wire.send("0\r\n\r\n");
  }
}

type Ending = "ok" | "502" | "cut";

/** What one request came to. */
interface Done {
  readonly ending: Ending;
  readonly began: number;
  /** The request, and what was said about it. */
  readonly told: string;
}

/** Asks on a tunnel; any other end than the three fails. Gives whether the tunnel can be used on. */
async function ask(
  wire: Wire,
  host: string,
  kind: string,
  name: string,
): Promise<Omit<Done, "began"> & { open: boolean }> {
  const path = `/${kind}/${name}`;
  const body = kind === "post" ? "Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody" : "\r\n";
  await wire.send(`${kind === "post" ? "POST" : "GET"} ${path} HTTP/1.1\r\nHost: ${host}\r\n${body}`);
  const head = await wire.head();
  if (head.startsWith("HTTP/1.1 502 ")) {
    const length = Number(/\r\nContent-Length: ([0-9]+)/.exec(head)![1]);
    const said = text(await wire.take(length));
    assertMatch(said, /^egress could not serve this request \(upstream\): /);
    return { ending: "502", told: `${path}: ${said}`, open: !head.includes("Connection: close") };
  }
  assertMatch(head, /^HTTP\/1.1 200 /);
  const events = Array.from({ length: EVENTS }, (_, event) => `data: ${path} ${event}\n\n`).join("");
  const content = kind === "events" ? events : path + (kind === "post" ? "body" : "");
  const { whole, complete } = await readBody(wire, head);
  assert(complete ? whole === content : content.startsWith(whole), `${path}: ${JSON.stringify(whole)}`);
  return { ending: complete ? "ok" : "cut", told: path, open: complete };
}

/** Reads a body to its end, or to where it is cut. */
async function readBody(wire: Wire, head: string): Promise<{ whole: string; complete: boolean }> {
  const length = /\r\nContent-Length: *([0-9]+)/i.exec(head)?.[1];
  for (let raw = "";;) {
    const { whole, complete } = length === undefined
      ? dechunk(raw)
      : { whole: raw, complete: raw.length === Number(length) };
    if (complete) return { whole, complete };
    const part = await wire.some().catch(() => new Uint8Array(0));
    if (part.length === 0) return { whole, complete };
    raw += text(part);
  }
}

function dechunk(raw: string): { whole: string; complete: boolean } {
  let whole = "";
  for (let rest = raw;;) {
    const size = /^([0-9a-f]+)\r\n/i.exec(rest);
    if (size === null) return { whole, complete: false };
    const end = size[0].length + Number.parseInt(size[1]!, 16);
    if (rest === "0\r\n\r\n") return { whole, complete: true };
    whole += rest.slice(size[0].length, end);
    rest = rest.slice(end + 2);
  }
}

async function killUnderLoad(pki: Pki, host: string, next: NextProxy): Promise<void> {
  const egress = await startEgress(pki, {
    routes: `routes: [{host: ${host}}]`,
    proxyPort: next.port,
    extraCa: next.ca,
  });
  let stop = false;
  const all: Done[] = [];
  const client = async (name: number) => {
    let wire: Wire | undefined;
    for (let round = 0; !stop; round++) {
      const began = performance.now();
      // A tunnel is egress's own matter: it opens whether there is a next proxy or not.
      wire ??= await openTunnel(egress.port, host, pki);
      const kind = ["get", "post", "events"][(name + round) % 3]!;
      const { open, ...done } = await ask(wire, host, kind, `${name}-${round}`);
      all.push({ ...done, began });
      assert(performance.now() - began < 8000, `${kind} took ${performance.now() - began} ms`);
      if (open) continue;
      wire.close();
      wire = undefined;
      // A client that is refused waits a little.
      await pause(20);
    }
    wire?.close();
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, (_, name) => client(name)));
  // What failed is told by whoever waits next; meanwhile it must not count as unhandled.
  clients.catch(() => {});
  const count = (ending: Ending, since = 0) =>
    all.filter((done) => done.ending === ending && done.began > since).length;
  const enough = (ending: Ending, since: number) =>
    Promise.race([
      clients,
      until(() => count(ending, since) > 2 * CLIENTS ? true : undefined, () => `too few were ${ending}`),
    ]);
  await enough("ok", 0);
  assertEquals(all.filter((done) => done.ending !== "ok"), [], "a request failed before anything was killed");
  for (let round = 0; round < 2; round++) {
    const files = openFilesOf(egress.pid);
    await next.kill();
    await enough("502", performance.now());
    assert(openFilesOf(egress.pid) <= files, "descriptors of dead connections are kept");
    await next.start();
    const back = performance.now();
    await enough("ok", back);
    const late = all.filter((done) => done.ending !== "ok" && done.began > back);
    assertEquals(late, [], "a request failed after the restart");
  }
  stop = true;
  await clients;
  assert(count("cut") > 0, "no stream was in flight");
  await egress.close();
}

Deno.test("the next proxy is killed under load and started again", async () => {
  const pki = await makePki();
  const upstream = await startUpstream(pki, "a.test", serve);
  const next = await startConnectProgram({ "a.test:443": upstream.port });
  await killUnderLoad(pki, "a.test", next);
  await next.close();
  await upstream.close();
  await Deno.remove(pki.dir, { recursive: true });
});

Deno.test("pipelock is killed under load and started again", async (t) => {
  for (
    const [name, host, tlsPassthrough] of [["inspecting", "127.77.0.4", false], [
      "passing through",
      "127.77.0.5",
      true,
    ]] as const
  ) {
    await t.step(name, async () => {
      const pki = await makePki();
      const upstream = await startUpstream(pki, host, serve, true, { hostname: host, port: 443 });
      const route: EgressRoute = {
        host,
        pathAllowlist: [],
        agentAuth: false,
        owner: "manifest",
        tlsPassthrough,
        ssrfIpAllowlist: [`${host}/32`],
      };
      const next = await startPipelock(pki, [route]);
      await killUnderLoad(pki, host, next);
      await next.close();
      await upstream.close();
      await Deno.remove(pki.dir, { recursive: true });
    });
  }
});
