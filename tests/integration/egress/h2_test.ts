/** HTTP/2 towards the agent: clients that want it are served by the same policy, streamed, one upstream request each. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import {
  echoHeads,
  makePki,
  runProgram,
  type Script,
  startConnectProxy,
  startEgress,
  startUpstream,
  text,
  until,
  type Wire,
} from "./support.ts";

const CLIENT = new URL("./clients/h2.mjs", import.meta.url).pathname;
const TOKEN = "h2-token-0123456789";
const MIB = 1024 * 1024;

/** What the client saw of one exchange. */
interface Seen {
  readonly interim: number[];
  readonly response?: Record<string, string | string[]>;
  readonly trailers?: Record<string, string>;
  readonly text: string;
  readonly size: number;
  readonly hash: string;
  readonly reset: number;
}

async function world(script: Script, routes = "", args: string[] = []) {
  const pki = await makePki();
  const heads: string[] = [];
  const upstream = await startUpstream(pki, "a.test", script);
  const proxy = startConnectProxy({ "a.test:443": upstream.port });
  const egress = await startEgress(pki, {
    routes: `routes: [{host: a.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0${routes}}]`,
    proxyPort: proxy.port,
    env: { EGRESS_TOKEN_0: TOKEN },
    args,
  });
  const ca = `${pki.dir}/egress-ca.pem`;
  return {
    egress,
    upstream,
    heads,
    run: async <T = Seen>(scenario: string): Promise<T> => {
      const { code, out, err } = await runProgram("node", [
        CLIENT,
        String(egress.port),
        "a.test",
        ca,
        scenario,
      ]);
      assertEquals(code, 0, err);
      return JSON.parse(out);
    },
    curl: (...args: string[]) =>
      runProgram("curl", ["-sS", "--proxy", `http://127.0.0.1:${egress.port}`, "--cacert", ca, ...args]),
    [Symbol.asyncDispose]: async () => {
      for (const part of [egress, proxy, upstream]) await part.close();
      await Deno.remove(pki.dir, { recursive: true });
    },
  };
}

function blocks(count: number): Uint8Array<ArrayBuffer> {
  const unit = new TextEncoder().encode("bottle ");
  return Uint8Array.from({ length: MIB }, (_, at) => unit[at % unit.length]!).slice(
    0,
    MIB * Math.min(count, 1),
  );
}

/** Reads a request with its body, whatever its framing. */
async function request(wire: Wire): Promise<{ head: string; body: string } | undefined> {
  const head = await wire.head();
  if (head === "") return undefined;
  const length = /\r\ncontent-length: *([0-9]+)/i.exec(head)?.[1];
  if (length !== undefined) return { head, body: text(await wire.take(Number(length))) };
  if (!/transfer-encoding: chunked/i.test(head)) return { head, body: "" };
  let body = "";
  while (!/(?:^|\r\n)0\r\n(?:[^\r]+\r\n)*\r\n$/.test(body)) body += text(await wire.some());
  return { head, body };
}

Deno.test("a GET: judged, with the credential, its cookies in one line, its duplicates kept", async () => {
  await using w = await world(echoHeads);
  const seen = await w.run("get");
  assertEquals(seen.response?.[":status"] as unknown, 200);
  assertEquals(
    seen.text,
    "GET /get?q=1 HTTP/1.1\r\nHost: a.test\r\nx-twice: 1\r\nx-twice: 2\r\n" +
      `Authorization: Bearer ${"*".repeat(TOKEN.length)}\r\n\r\n`,
  );
  const record = await w.egress.record((line) => line["path"] === "/get");
  assertEquals([record["verdict"], record["status"]], ["allow", 200]);
});

Deno.test("curl over HTTP/2 and over HTTP/1.1, which is preferred where a client offers both", async (t) => {
  const cases = [
    { flag: "--http2", protocols: "h2,http/1.1", version: "2" },
    { flag: "--http1.1", protocols: "h2,http/1.1", version: "1.1" },
    { flag: "--http2", protocols: "http/1.1,h2", version: "1.1" },
  ];
  for (const { flag, protocols, version } of cases) {
    await t.step(`${flag}, offered ${protocols}`, async () => {
      await using w = await world(echoHeads, "", ["--protocols", protocols]);
      const { code, out, err } = await w.curl(
        flag,
        "-d",
        "hello",
        "-w",
        " %{http_version}",
        "https://a.test/x",
      );
      assertEquals(code, 0, err);
      assertMatch(out, new RegExp(`^POST /x HTTP/1\\.1\\r\\n[^]*\\r\\n\\r\\nhello ${version}$`));
    });
  }
});

Deno.test("HEAD has no body; a body of announced length keeps it", async () => {
  await using w = await world(echoHeads);
  assertEquals((await w.run("head")).size, 0);
  const seen = await w.run("post");
  assertStringIncludes(seen.text, "content-length: 5\r\n");
  assertMatch(seen.text, /hello$/);
});

Deno.test("trailers both ways, and interim answers", async () => {
  let got: { head: string; body: string } | undefined;
  await using w = await world(async (wire) => {
    got = await request(wire);
    await wire.send("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n");
    await wire.send(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n",
    );
  });
  const seen = await w.run("trailers");
  assertEquals(got?.body, "4\r\ndata\r\n0\r\nx-sum: 7\r\n\r\n");
  assertEquals(seen.interim, [103]);
  assertEquals(seen.text, "ok");
  assertEquals(seen.trailers?.["grpc-status"], "0");
});

Deno.test("32 MiB up and down, byte for byte", async () => {
  const piece = blocks(1);
  const expected = createHash("sha256");
  for (let index = 0; index < 32; index++) expected.update(piece);
  const digest = expected.digest("hex");
  await using w = await world(async (wire) => {
    const head = await wire.head();
    if (head.startsWith("GET")) {
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${32 * MIB}\r\n\r\n`);
      for (let index = 0; index < 32; index++) await wire.send(piece);
      return;
    }
    const hash = createHash("sha256");
    for (let size = await chunkSize(wire); size > 0; size = await chunkSize(wire)) {
      hash.update(await wire.take(size));
      await wire.take(2);
    }
    await wire.take(2);
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n${hash.digest("hex")}`);
  });
  assertEquals((await w.run("upload")).text, digest);
  assertEquals((await w.run("download")).hash, digest);
});

async function chunkSize(wire: Wire): Promise<number> {
  let line = "";
  while (!line.endsWith("\r\n")) line += text(await wire.take(1));
  return Number.parseInt(line, 16);
}

Deno.test("sixty streams at once on one connection, none mixed up", async () => {
  await using w = await world(echoHeads);
  const all = await w.run<Seen[]>("many");
  for (const [index, seen] of all.entries()) {
    assertStringIncludes(seen.text, `GET /many/${index} HTTP/1.1\r\n`);
  }
});

Deno.test("a stream that the client cancels takes its upstream connection along", async () => {
  let cut = false;
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    try {
      for (;;) await wire.send(`10000\r\n${"x".repeat(65536)}\r\n`);
    } catch {
      cut = true;
    }
  });
  assertEquals((await w.run("abort")).reset, 8);
  await until(() => cut || undefined, () => "upstream was not cut off");
});

Deno.test("a response that is cut short resets the stream: it does not look complete", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n");
  });
  const seen = await w.run("cut");
  assertEquals([seen.size, seen.reset], [5, 2]);
});

Deno.test("an early answer arrives though the body is not taken", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbig\n");
    await wire.conn.closeWrite();
  });
  const seen = await w.run("refusedEarly");
  assertEquals(seen.response?.[":status"] as unknown, 413);
  assertEquals(seen.text, "big\n");
});

Deno.test("what disagrees about the host, or is no path, is refused and never sent on", async (t) => {
  const heads: string[] = [];
  await using w = await world(async (wire) => {
    heads.push(await wire.head());
    await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }, ", path_allowlist: [/]");
  const cases = {
    otherHost: 421,
    otherPort: 421,
    twoHosts: 421,
    denied: 403,
    plain: 400,
  };
  for (const [scenario, status] of Object.entries(cases)) {
    await t.step(scenario, async () => {
      const seen = await w.run(scenario);
      assertEquals(seen.response?.[":status"] as unknown, status, JSON.stringify(seen));
      assertMatch(seen.text, /^egress /);
    });
  }
  await t.step("a path that is none: the whole connection is given up", async () => {
    const seen = await w.run("notAPath");
    assert(seen.reset !== 0 && seen.response === undefined, JSON.stringify(seen));
  });
  await t.step("a body longer than announced", async () => {
    const seen = await w.run("longer");
    assert(seen.response?.[":status"] as unknown !== 200, JSON.stringify(seen));
  });
  assertEquals(heads.filter((head) => !head.startsWith("POST / ")), []);
});
