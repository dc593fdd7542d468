import { assert, assertEquals } from "@std/assert";
import { snapshot, withHome } from "../state/folder.ts";
import { makeHost, type RecordedHost } from "./fake_host.ts";

const BOTTLE = `---
egress:
  routes:
    - host: api.example.com
      path_allowlist: [/repos/]
      methods: [GET]
      auth: { scheme: token, token_ref: EXAMPLE_TOKEN }
    - host: big.example.com
      pipelock: { tls_passthrough: true }
    - host: api.anthropic.com
---
`;

async function withPolicy(
  test: (home: string, host: RecordedHost, at: (line: number, key: string) => string) => Promise<void>,
  bottle = BOTTLE,
): Promise<void> {
  await withHome(async (home) => {
    for (const [path, text] of [["bottles/box", bottle], ["agents/dev", "---\nbottle: box\n---\n"]]) {
      await Deno.mkdir(`${home}/.bot-bottle/${path!.split("/")[0]}`, { recursive: true });
      await Deno.writeTextFile(`${home}/.bot-bottle/${path}.md`, text!);
    }
    // No backend: nothing of this needs one.
    await test(home, makeHost({ home }), (line, key) => `${home}/.bot-bottle/bottles/box.md:${line}: ${key}`);
  });
}

Deno.test("policy explain: a forward says route, place, credential and inspection, and reads no credential", () =>
  withPolicy(async (home, { run, stdout, stderr }, at) => {
    const before = await snapshot(home);
    assertEquals(await run("policy", "explain", "dev", "GET", "https://API.example.com./repos/x?y"), 0);
    assertEquals(stderr(), "");
    assertEquals(stdout().split("\n").map((line) => line.split(/ {2,}/)), [
      ["verdict", "forward"],
      ["request", "GET https://api.example.com/repos/x?y"],
      ["agent", `dev (${home}/.bot-bottle/agents/dev.md)`],
      ["bottle", `box (${home}/.bot-bottle/bottles/box.md)`],
      ["route", "api.example.com [auth:token] [methods:GET] /repos/"],
      ["declared", at(4, "egress.routes[0]")],
      ["credential", "token from EXAMPLE_TOKEN, in the place of the agent's own"],
      ["pipelock", "inspects it"],
      [""],
    ]);
    assertEquals(await snapshot(home), before);
  }));

Deno.test("policy explain: a denial is status 1, names the key that decides, and shows the agent's answer", () =>
  withPolicy(async (_home, { run, stdout }, at) => {
    assertEquals(await run("policy", "explain", "dev", "POST", "https://api.example.com/repos/x"), 1);
    const text = stdout();
    assert(text.startsWith("verdict   deny (403, rule method)\n"), text);
    assert(text.includes(`declared  ${at(6, "egress.routes[0].methods")}\n`), text);
    assert(
      text.includes("answer    egress denied this request (rule method): api.example.com is open"),
      text,
    );
    assert(text.includes("`egress-block`") && !text.includes("credential"), text);
  }));

Deno.test("policy explain: an unknown host, with the list that lacks it", () =>
  withPolicy(async (_home, { run, stdout }, at) => {
    assertEquals(await run("policy", "explain", "dev", "GET", "https://other.example/"), 1);
    assert(stdout().includes(`declared  ${at(3, "egress.routes")} does not list it\n`), stdout());
  }));

Deno.test("policy explain: an unknown host, where no file has a list", () =>
  withPolicy(async (home, { run, stdout }) => {
    assertEquals(await run("policy", "explain", "dev", "GET", "https://other.example/"), 1);
    const file = `${home}/.bot-bottle/bottles/box.md`;
    assert(stdout().includes(`declared  nowhere: ${file} has no egress.routes\n`), stdout());
  }, "---\nsupervise: false\n---\n"));

Deno.test("policy explain: a provider's route is in no file, and one that it displaces is named", () =>
  withPolicy(async (_home, { run, stdout }, at) => {
    assertEquals(await run("policy", "explain", "dev", "POST", "https://api.anthropic.com/v1/messages"), 0);
    const text = stdout();
    assert(text.includes("declared    provider template claude, in no file\n"), text);
    assert(text.includes(`dropped     ${at(10, "egress.routes[2]")}\n`), text);
    assert(text.includes("credential  none; the agent's own passes\n"), text);
    assert(text.includes("pipelock    passes it through uninspected\n"), text);
  }));

Deno.test("policy explain: a provider that lends the host's login needs none to be explained", () =>
  withPolicy(async (_home, { run, stdout }) => {
    assertEquals(await run("policy", "explain", "dev", "GET", "https://chatgpt.com/", "--json"), 0);
    const answer = JSON.parse(stdout());
    assertEquals(answer.route.owner, "provider template codex");
    assertEquals(answer.credential.scheme, "Bearer");
    assertEquals([answer.declared, answer.dropped], [null, null]);
  }, "---\nagent_provider:\n  template: codex\n  forward_host_credentials: true\n---\n"));

Deno.test("policy explain: pass-through is for TLS, plain http is inspected", () =>
  withPolicy(async (home, { run, stdout }) => {
    assertEquals(await run("policy", "explain", "dev", "GET", "https://big.example.com/"), 0);
    assert(stdout().includes("passes it through uninspected"), stdout());
    assert(stdout().includes("none; the agent's own Authorization is removed"), stdout());
    const plain = makeHost({ home });
    assertEquals(await plain.run("policy", "explain", "dev", "GET", "http://big.example.com/"), 0);
    assert(plain.stdout().includes("inspects it"), plain.stdout());
  }));

Deno.test("policy explain --json", () =>
  withPolicy(async (home, { run, stdout }, at) => {
    assertEquals(
      await run("policy", "explain", "dev", "POST", "https://api.example.com/repos/x", "--json"),
      1,
    );
    const { answer, ...rest } = JSON.parse(stdout());
    assert(answer.startsWith("egress denied this request"), answer);
    const [file, line] = at(6, "").split(":");
    assertEquals(rest, {
      verdict: "deny",
      rule: "method",
      status: 403,
      request: {
        ...{ scheme: "https", host: "api.example.com", port: 443 },
        ...{ method: "POST", target: "/repos/x" },
      },
      agent: { name: "dev", file: `${home}/.bot-bottle/agents/dev.md` },
      bottle: { name: "box", file: `${home}/.bot-bottle/bottles/box.md` },
      route: {
        ...{ host: "api.example.com", path_allowlist: ["/repos/"], methods: ["GET"], git: null },
        owner: "manifest",
      },
      declared: { file, line: Number(line), key: "egress.routes[0].methods" },
      dropped: null,
      credential: null,
      agent_auth: null,
      pipelock: null,
    });
    const passed = makeHost({ home });
    await passed.run("policy", "explain", "dev", "GET", "https://api.example.com/repos/x", "--json");
    const { credential, agent_auth, pipelock, status } = JSON.parse(passed.stdout());
    assertEquals({ credential, agent_auth, pipelock, status }, {
      credential: { scheme: "token", token_ref: "EXAMPLE_TOKEN" },
      agent_auth: false,
      pipelock: "inspect",
      status: null,
    });
  }));

Deno.test("policy explain: what egress would not read is said so, with nothing that a terminal would act on", () =>
  withPolicy(async (home, { run, stdout }) => {
    assertEquals(await run("policy", "explain", "dev", "GET", "https://api.example.com/\x1b[2J"), 1);
    assert(stdout().startsWith("verdict  refuse (400, rule bad-request)\n"), stdout());
    assert(!stdout().includes("\x1b") && !stdout().includes("declared"), stdout());
    const json = makeHost({ home });
    assertEquals(await json.run("policy", "explain", "dev", "GET", "https://\u202e.example/", "--json"), 1);
    assert(!json.stdout().includes("\u202e"), json.stdout());
    assertEquals(JSON.parse(json.stdout()).verdict, "refuse");
    const local = makeHost({ home });
    assertEquals(await local.run("policy", "explain", "dev", "GET", "http://_egress.local/routes"), 0);
    assert(local.stdout().includes("a page of egress itself"), local.stdout());
  }));

Deno.test("policy explain: a method in lower case is judged as it stands, with a warning", () =>
  withPolicy(async (_home, { run, stdout, stderr }) => {
    assertEquals(await run("policy", "explain", "dev", "get", "https://api.example.com/repos/x"), 1);
    assert(stdout().includes("rule method"), stdout());
    assertEquals(stderr(), "bottle: warning: methods are compared as they stand: get is not GET\n");
  }));

const REFUSED: readonly { argv: readonly string[]; status: number; says: string }[] = [
  {
    argv: ["dve", "GET", "https://a.example/"],
    status: 1,
    says: 'no agent is named "dve"; did you mean dev?',
  },
  { argv: ["dev", "G T", "https://a.example/"], status: 2, says: "'G T' is not a request method; give one" },
  {
    argv: ["dev", "GET", "a.example"],
    status: 2,
    says: "'a.example' is not a URL that egress serves; write",
  },
  { argv: ["dev", "GET", "ws://a.example/"], status: 2, says: "is not a URL that egress serves" },
];

for (const { argv, status, says } of REFUSED) {
  Deno.test(`policy explain ${argv.join(" ")}: one line that says what to do`, () =>
    withPolicy(async (_home, { run, stdout, stderr }) => {
      assertEquals(await run("policy", "explain", ...argv), status);
      assertEquals(stdout(), "");
      assert(stderr().startsWith("bottle: error: ") && stderr().includes(says), stderr());
      assertEquals(stderr().split("\n").length, 2);
    }));
}

Deno.test("policy explain: an agent of the repository's is the one that is judged", () =>
  withPolicy(async (home) => {
    const cwd = `${home}/project`;
    await Deno.mkdir(`${cwd}/.bot-bottle/agents`, { recursive: true });
    await Deno.writeTextFile(`${cwd}/.bot-bottle/agents/dev.md`, "---\nbottle: open\n---\n");
    await Deno.writeTextFile(
      `${home}/.bot-bottle/bottles/open.md`,
      "---\negress:\n  routes:\n    - host: other.example\n---\n",
    );
    const { run, stdout, stderr } = makeHost({ home, cwd });
    assertEquals(await run("policy", "explain", "dev", "GET", "https://other.example/", "--json"), 0);
    const { agent, bottle, declared } = JSON.parse(stdout());
    assertEquals([agent.file, bottle.name], [`${cwd}/.bot-bottle/agents/dev.md`, "open"]);
    assertEquals(declared, {
      file: `${home}/.bot-bottle/bottles/open.md`,
      line: 4,
      key: "egress.routes[0]",
    });
    assert(stderr().includes('moves agent dev from bottle "box" to bottle "open"'), stderr());
  }));
