import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { prepareBottle } from "../../../lib/bottle/prepare.ts";
import type { BottlePlan, BottleSpec } from "../../../lib/bottle/plan.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { Manifest } from "../../../lib/manifest/manifest.ts";
import { makeStateFolders, statePaths } from "../../../lib/state/paths.ts";
import { snapshot, withHome } from "../state/folder.ts";
import { SETTINGS } from "./plans.ts";

/** A bottle's keys, an agent's keys, and the rest of the spec. */
interface Asked {
  readonly bottle?: Record<string, unknown>;
  readonly agent?: Record<string, unknown>;
  readonly spec?: Partial<BottleSpec>;
}

function prepare(home: string, asked: Asked = {}): Promise<BottlePlan> {
  const manifest = Manifest.fromObject({
    bottles: { box: asked.bottle ?? {} },
    agents: { dev: { bottle: "box", prompt: "Hi.", ...asked.agent } },
  }, { home });
  return prepareBottle(
    {
      resolved: manifest.resolve("dev"),
      settings: SETTINGS,
      cwd: "/src/project",
      copyCwd: false,
      hostHome: home,
      hostEnv: {},
      ...asked.spec,
    },
    "docker",
    "/home/node",
  );
}

const ROUTE = (token: string) => ({ host: "api.example.com", auth: { scheme: "Bearer", token_ref: token } });

Deno.test("a plan says who, where and as what; planning touches nothing", () =>
  withHome(async (home) => {
    const plan = await prepare(home);
    assertMatch(plan.identity, /^dev-[a-z0-9]{5}$/);
    assertEquals(
      [plan.backend, plan.guestHome, plan.workdir, plan.copyCwd],
      ["docker", "/home/node", "/home/node", false],
    );
    assertEquals(plan.provider.template, "claude");
    assertEquals(plan.egress.routes.map((route) => route.host), ["api.anthropic.com"]);
    assertEquals(await snapshot(home), []);
  }));

Deno.test("--cwd makes the workspace the working directory", () =>
  withHome(async (home) => {
    const plan = await prepare(home, { spec: { copyCwd: true } });
    assertEquals([plan.workdir, plan.cwd], ["/home/node/workspace", "/src/project"]);
  }));

Deno.test("--cwd never copies bottle's own folder, however the folder is reached", () =>
  withHome(async (home) => {
    const inside = `${home}/.bot-bottle/state`;
    await Deno.mkdir(inside, { recursive: true });
    await Deno.mkdir(`${home}/project`);
    await Deno.symlink(home, `${home}/project/link`);
    for (const cwd of [home, "/", `${home}/.bot-bottle`, inside, `${home}/project/link`]) {
      const error = await assertRejects(
        () => prepare(home, { spec: { copyCwd: true, cwd } }),
        OperatorError,
      ) as OperatorError;
      assertMatch(
        error.line,
        /^--cwd would copy .*\.bot-bottle into the bottle.*; start in the folder of your project$/,
      );
      assertEquals((await prepare(home, { spec: { cwd } })).copyCwd, false);
    }
    await Deno.mkdir(`${home}/.bot-bottle-not`);
    for (const cwd of [`${home}/project`, `${home}/.bot-bottle-not`]) {
      assertEquals((await prepare(home, { spec: { copyCwd: true, cwd } })).cwd, cwd);
    }
  }));

Deno.test("an agent Dockerfile that is not there is told before anything is asked", () =>
  withHome(async (home) => {
    const bottle = { agent_provider: { dockerfile: "~/Dockerfile.own" } };
    await assertRejects(
      () => prepare(home, { bottle }),
      OperatorError,
      `agent_provider.dockerfile: ${home}/Dockerfile.own does not exist`,
    );
    await Deno.writeTextFile(`${home}/Dockerfile.own`, "FROM scratch\n");
    assertEquals((await prepare(home, { bottle })).provider.dockerfile.kind, "operator");
  }));

Deno.test("a resumed bottle keeps its identity", () =>
  withHome(async (home) => {
    assertEquals((await prepare(home, { spec: { identity: "dev-abc12" } })).identity, "dev-abc12");
  }));

Deno.test("each route's token comes from the host variable that it names", () =>
  withHome(async (home) => {
    const plan = await prepare(home, {
      bottle: { egress: { routes: [ROUTE("ONE"), { ...ROUTE("TWO"), host: "b.example.com" }] } },
      spec: { hostEnv: { ONE: "first", TWO: "second" } },
    });
    const tokens = Object.entries(plan.tokens).map(([slot, secret]) => [slot, secret.reveal()]);
    assertEquals(tokens, [["EGRESS_TOKEN_0", "first"], ["EGRESS_TOKEN_1", "second"]]);
    assert(!JSON.stringify(plan).includes("first"), "a token is in the plan's JSON");
  }));

Deno.test("what a provider read on the host wins over a host variable of that name", () =>
  withHome(async (home) => {
    const part = (value: unknown) =>
      btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const claims = { exp: Math.floor(Date.now() / 1000) + 3600 };
    const token = `${part({ alg: "none" })}.${part(claims)}.real`;
    await Deno.mkdir(`${home}/.codex`);
    const login = {
      auth_mode: "chatgpt",
      tokens: { access_token: token, id_token: token, account_id: "acct" },
    };
    await Deno.writeTextFile(`${home}/.codex/auth.json`, JSON.stringify(login));
    const bottle = { agent_provider: { template: "codex", forward_host_credentials: true } };
    const first = await prepare(home, { bottle });
    const [ref] = Object.keys(first.provider.provisionedEnv);
    const plan = await prepare(home, { bottle, spec: { hostEnv: { [ref!]: "from-the-host" } } });
    assertEquals(plan.egress.slots.map((slot) => slot.tokenRef), [ref]);
    assertEquals(plan.tokens.EGRESS_TOKEN_0?.reveal(), token);
  }));

Deno.test("a manifest route for a provider's host is dropped with a warning, and its token is not asked for", () =>
  withHome(async (home) => {
    const route = { ...ROUTE("UNSET"), host: "api.anthropic.com", path_allowlist: ["/v1"] };
    const plan = await prepare(home, { bottle: { egress: { routes: [route] } } });
    assertEquals(plan.tokens, {});
    assert(plan.warnings.some((warning) => warning.includes("api.anthropic.com")), plan.warnings.join());
  }));

Deno.test("env: literals and host variables are values, questions stay questions", () =>
  withHome(async (home) => {
    const plan = await prepare(home, {
      bottle: { env: { A: "literal", B: "${HOSTED}", C: "?ask me" } },
      spec: { hostEnv: { HOSTED: "from host" } },
    });
    const { A, B, C } = plan.env;
    assertEquals(A?.kind === "value" && A.value.reveal(), "literal");
    assertEquals(B?.kind === "value" && B.value.reveal(), "from host");
    assertEquals(C, { kind: "prompt", text: "ask me" });
  }));

Deno.test("codex: CODEX_HOME counts when it comes from the host's environment too", () =>
  withHome(async (home) => {
    const plan = await prepare(home, {
      bottle: { agent_provider: { template: "codex" }, env: { CODEX_HOME: "${WHERE}" } },
      spec: { hostEnv: { WHERE: "/home/node/elsewhere" } },
    });
    assert(plan.provider.files.every((file) => file.guestPath.startsWith("/home/node/elsewhere/")));
  }));

Deno.test("a resumed bottle is built from the Dockerfile that a capability change left", () =>
  withHome(async (home) => {
    const paths = statePaths(home, "dev-abc12");
    await makeStateFolders(paths);
    await Deno.writeTextFile(paths.dockerfile, "FROM scratch\n");
    const resumed = await prepare(home, { spec: { identity: "dev-abc12" } });
    assertEquals(resumed.provider.dockerfile, { kind: "operator", path: paths.dockerfile });
    assertEquals((await prepare(home)).provider.dockerfile.kind, "embedded");
  }));

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n";
const REPO = { url: "ssh://git@example.com/a.git", identity: "/k" };

const REFUSED: readonly { title: string; asked: Asked; says: readonly string[]; extraCa?: string }[] = [
  {
    title: "a repository whose key is not there",
    asked: { bottle: { "git-gate": { repos: { a: REPO } } } },
    says: [`git-gate.repos.a.identity: ${REPO.identity} does not exist`, "ssh-keygen -t ed25519"],
  },
  {
    title: "supervise, which comes later",
    asked: { bottle: { supervise: true } },
    says: ["supervise is not available in this version yet"],
  },
  {
    title: "an unset token",
    asked: { bottle: { egress: { routes: [ROUTE("MY_TOKEN")] } } },
    says: ["MY_TOKEN", "egress.routes[0].auth.token_ref"],
  },
  {
    title: "an empty login token",
    asked: { bottle: { agent_provider: { auth_token: "LOGIN" } }, spec: { hostEnv: { LOGIN: "" } } },
    says: ["LOGIN", "agent_provider.auth_token"],
  },
  {
    title: "a token with a line break",
    asked: { bottle: { egress: { routes: [ROUTE("T")] } }, spec: { hostEnv: { T: "a\nX-Evil: b" } } },
    says: ["T holds"],
  },
  { title: "a missing skill", asked: { agent: { skills: ["review"] } }, says: ["review", ".claude/skills"] },
  {
    title: "a CA file that is not there",
    asked: {},
    extraCa: "",
    says: ["BOT_BOTTLE_EXTRA_CA", "does not exist"],
  },
  {
    title: "a CA file without a certificate",
    asked: {},
    extraCa: "hello",
    says: ["holds no PEM certificate"],
  },
  {
    title: "a CA file with its key",
    asked: {},
    extraCa: `${CERTIFICATE}-----BEGIN EC PRIVATE KEY-----\n`,
    says: ["holds a private key"],
  },
];

for (const { title, asked, says, extraCa } of REFUSED) {
  Deno.test(`no plan for ${title}`, () =>
    withHome(async (home) => {
      const file = `${home}/ca.pem`;
      if (extraCa) await Deno.writeTextFile(file, extraCa);
      const settings = extraCa === undefined ? SETTINGS : { ...SETTINGS, extraCa: file };
      const spec = { ...asked.spec, settings };
      const error = await assertRejects(
        () => prepare(home, { ...asked, spec }),
        OperatorError,
      ) as OperatorError;
      for (const part of says) assert(error.line.includes(part), error.line);
      assert(!error.line.includes("\n") && !error.line.includes("X-Evil"), error.line);
    }));
}

Deno.test("a folder in the CA file's place is named with the setting, where it stands", () =>
  withHome(async (home) => {
    const where = "/h/config.yaml: BOT_BOTTLE_EXTRA_CA";
    for (const places of [undefined, { BOT_BOTTLE_EXTRA_CA: where }]) {
      const settings = { ...SETTINGS, extraCa: home, ...(places && { places }) };
      const error = await assertRejects(
        () => prepare(home, { spec: { settings } }),
        OperatorError,
      ) as OperatorError;
      assertEquals(
        error.line,
        `${places ? where : "BOT_BOTTLE_EXTRA_CA"}: ${home} is a folder; name a file of PEM certificates`,
      );
    }
  }));

Deno.test("a CA file with certificates is taken", () =>
  withHome(async (home) => {
    await Deno.writeTextFile(`${home}/ca.pem`, CERTIFICATE);
    const plan = await prepare(home, { spec: { settings: { ...SETTINGS, extraCa: `${home}/ca.pem` } } });
    assertEquals(plan.settings.extraCa, `${home}/ca.pem`);
  }));

Deno.test("a repository's key is read, told to nobody, and one that the gate cannot use stops the start", () =>
  withHome(async (home) => {
    const key = `${home}/key`;
    const bottle = { "git-gate": { repos: { a: { ...REPO, identity: key, push: ["agent/*"] } } } };
    await Deno.writeTextFile(key, "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----");
    const plan = await prepare(home, { bottle });
    assertEquals(
      plan.gitRepos.map(({ repo, key }) => [repo.name, repo.push, key.reveal().endsWith("-----\n")]),
      [
        ["a", ["agent/*"], true],
      ],
    );
    assertEquals((JSON.stringify(plan) + Deno.inspect(plan, { depth: 9 })).includes("MC4CAQAw"), false);
    // No host key is pinned: nothing could be fetched, and the operator is told before the start.
    assertMatch(plan.warnings.join(), /git-gate\.repos\.a has no host_key.*ssh-keyscan -t ed25519/);
    await Deno.writeTextFile(
      key,
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4CAQAw\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    const error = await assertRejects(() => prepare(home, { bottle }), OperatorError);
    assertMatch((error as OperatorError).line, /key has a passphrase; make a key/);
  }));

Deno.test("no supervise and no repositories: the git identity alone is fine", () =>
  withHome(async (home) => {
    const plan = await prepare(home, { bottle: { "git-gate": { user: { name: "Bot" } }, supervise: false } });
    assertEquals(plan.resolved.gitIdentity.name, { value: "Bot", from: "bottle" });
  }));
