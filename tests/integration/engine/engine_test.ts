import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { Engine, MIN_API } from "../../../backends/docker/engine/engine.ts";
import { atEdge, EngineError } from "../../../backends/docker/engine/errors.ts";
import { containerLogs, waitContainer } from "../../../backends/docker/engine/containers.ts";
import { runExec } from "../../../backends/docker/engine/exec.ts";
import { engineFacts } from "../../../backends/docker/engine/system.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { openDeno } from "../../support/open_deno.ts";
import { onEngine, socketPath } from "./fixture.ts";
import { startRelay } from "./relay.ts";

Deno.test("connecting agrees on a version that both speak, and the facts can be read", async () => {
  await using engine = await Engine.connect(socketPath());
  assert(engine.supports(MIN_API) && !engine.supports("99.0"));
  const facts = await engineFacts(engine);
  assertEquals(facts.osType, "linux");
  assert(facts.runtimes.includes(facts.defaultRuntime));
  assertEquals(facts.isolatedGateway, engine.supports("1.48"));
  assertMatch(facts.version, /^\d+\.\d+/);
});

Deno.test("no socket, nobody behind it, a plain file: each says what is missing and what to do", async () => {
  await inFolder(async (folder) => {
    await failsWith(`${folder}/absent.sock`, /not running: no socket at .*absent\.sock; start it/);
    const left = `${folder}/left.sock`;
    const child = new Deno.Command(Deno.execPath(), {
      // A socket file outlives a server that is killed.
      args: ["eval", `Deno.listen({ transport: "unix", path: "${left}" }); Deno.kill(Deno.pid, "SIGKILL")`],
    });
    await child.output();
    await failsWith(left, /not running: nobody answers at .*left\.sock; start it/);
    await Deno.writeTextFile(`${folder}/file`, "");
    await failsWith(`${folder}/file`, /not running: nobody answers at/);
  });
});

Deno.test("a socket that is not open to the user says so and names the group", async () => {
  const code = `import { Engine } from "./backends/docker/engine/engine.ts";
try { await Engine.connect(Deno.args[0]); } catch (error) { console.log(error.name + ": " + error.line); }`;
  await inFolder(async (folder) => {
    const path = `${folder}/closed.sock`;
    using _closed = Deno.listen({ transport: "unix", path });
    await Deno.chmod(path, 0o000);
    if (Deno.uid() !== 0) return await failsWith(path, /permission denied; join its group/);
    // Root is let in anyway: look as nobody, who cannot read this checkout or the caches, so bring both along.
    await Deno.chmod(folder, 0o777);
    for (
      const file of ["engine", "errors", "raw_stream"].map((name) => `backends/docker/engine/${name}.ts`)
    ) {
      await copyTo(folder, file);
    }
    for (const file of ["lib/errors.ts", "lib/escape.ts"]) await copyTo(folder, file);
    await Deno.writeTextFile(`${folder}/try.ts`, code);
    const { stdout, stderr } = await new Deno.Command(await openDeno(folder), {
      args: ["run", "-A", "--no-config", "--no-lock", "--no-check", "--quiet", `${folder}/try.ts`, path],
      uid: 65534,
      gid: 65534,
      cwd: folder,
      env: { HOME: folder, DENO_DIR: `${folder}/cache`, NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    const told = decoder.decode(stdout) + decoder.decode(stderr);
    assertMatch(
      told,
      /^OperatorError: the docker socket .*closed\.sock is not open to this user: permission denied; join/,
    );
  });
});

Deno.test("what is no engine, or too old, or silent when aborted, is told apart", async () => {
  await inFolder(async (folder) => {
    const answers: readonly [string, (request: Request) => Response | Promise<Response>, RegExp][] = [
      ["web", () => new Response("hello"), /is not a docker engine; set DOCKER_HOST/],
      ["odd", () => new Response("OK", { headers: { "api-version": "soon" } }), /is not a docker engine/],
      [
        "old",
        () => new Response("OK", { headers: { "api-version": "1.40" } }),
        /too old: it speaks API 1\.40.*1\.41.*upgrade/,
      ],
    ];
    for (const [name, handler, message] of answers) {
      const path = `${folder}/${name}.sock`;
      const server = Deno.serve({ path, onListen: () => undefined }, handler);
      await failsWith(path, message);
      await server.shutdown();
    }
    const path = `${folder}/raw.sock`;
    using listener = Deno.listen({ transport: "unix", path });
    const garbage = (async () => {
      (await listener.accept()).close(); // the first look
      const conn = await listener.accept();
      await conn.write(new TextEncoder().encode("SSH-2.0-not-http\r\n"));
      conn.close();
    })();
    await failsWith(path, /is not a docker engine/);
    await garbage;
  });
});

Deno.test("a newer engine is asked for the newest version that bottle knows", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/new.sock`;
    const asked: string[] = [];
    const server = Deno.serve({ path, onListen: () => undefined }, (request) => {
      asked.push(new URL(request.url).pathname);
      return Response.json({}, { headers: { "api-version": "1.99" } });
    });
    {
      await using engine = await Engine.connect(path);
      await engine.send("GET", "/info");
    }
    await server.shutdown();
    assertEquals(asked, ["/_ping", "/v1.51/info"]);
  });
});

Deno.test("refusals keep status and reason, and become one line at the edge", async () => {
  await using engine = await Engine.connect(socketPath());
  const error: EngineError = await assertRejects(
    () => engine.send("GET", "/containers/no-such-thing/json"),
    EngineError,
  );
  assertEquals([error.status, error.request], [404, "GET /containers/no-such-thing/json"]);
  const seen: OperatorError = await assertRejects(
    () => atEdge("looking", Promise.reject(error)),
    OperatorError,
  );
  assertEquals(seen.line, "looking: the docker engine says: No such container: no-such-thing (404)");
  const hijacked: EngineError = await assertRejects(
    () => engine.hijack("/exec/no-such-exec/start", { json: {} }),
    EngineError,
  );
  assertEquals([hijacked.status, hijacked.request], [404, "POST /exec/no-such-exec/start"]);
  assertStringIncludes(hijacked.message, "no-such-exec");
});

Deno.test("an engine that dies under a wait, a log, an exec or between requests is an error of one line", async () => {
  await onEngine(async ({ idle, create }) => {
    const id = await idle();
    const uses: readonly ((engine: Engine) => Promise<unknown>)[] = [
      (engine) => waitContainer(engine, id, "next-exit"),
      (engine) => runExec(engine, id, { argv: ["sleep", "60"] }),
      (engine) => new Promise((resolve) => setTimeout(resolve, 400)).then(() => engine.send("GET", "/info")),
    ];
    for (const use of uses) {
      await using relay = await startRelay(socketPath());
      await using engine = await Engine.connect(relay.path);
      const using_ = use(engine);
      await Promise.all([
        assertRejects(() => using_, OperatorError, "the docker engine is not running"),
        new Promise((resolve) => setTimeout(resolve, 300)).then(() => relay.cut()),
      ]);
    }
    await using relay = await startRelay(socketPath());
    await using engine = await Engine.connect(relay.path);
    const quiet = await create({ Cmd: ["sh", "-c", "echo first; sleep 60"] });
    await engine.send("POST", `/containers/${quiet}/start`);
    const reading = async () => {
      for await (const _ of containerLogs(engine, quiet, { follow: true })) await relay.cut();
    };
    await assertRejects(reading, OperatorError, "the docker engine");
  });
});

async function failsWith(path: string, line: RegExp): Promise<void> {
  const error: OperatorError = await assertRejects(() => Engine.connect(path), OperatorError);
  assertMatch(error.line, line);
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-engine-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function copyTo(folder: string, file: string): Promise<void> {
  await Deno.mkdir(`${folder}/${file.slice(0, file.lastIndexOf("/"))}`, { recursive: true });
  const source = new URL(`../../../${file}`, import.meta.url);
  await Deno.writeTextFile(`${folder}/${file}`, await Deno.readTextFile(source));
}
