import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import { planProvider } from "../../../lib/providers/mod.ts";
import { deviceLogin, hostJwt, NOW, NOW_SECONDS } from "./host_login.ts";
import { providerRequest, type RequestChanges } from "./request.ts";

const AUTH = "/home/operator/.codex/auth.json";
const REF = "BOT_BOTTLE_CODEX_HOST_ACCESS_TOKEN";

function forwarding(auth: unknown, changes: RequestChanges = {}): ReturnType<typeof providerRequest> {
  return providerRequest("codex", {
    ...changes,
    settings: { forwardHostCredentials: true, ...changes.settings },
    hostFiles: { [AUTH]: typeof auth === "string" ? auth : JSON.stringify(auth), ...changes.hostFiles },
  });
}

Deno.test("codex without a lent login: both hosts, no token, no host file read", async () => {
  const request = providerRequest("codex", { workdir: "/home/node/workspace" });
  const plan = await planProvider(request);
  assertEquals(plan.routes, [
    { host: "api.openai.com", tlsPassthrough: true },
    { host: "chatgpt.com", tlsPassthrough: true },
  ]);
  assertEquals(plan.env, {
    CODEX_CA_CERTIFICATE: "/etc/ssl/certs/ca-certificates.crt",
    CODEX_HOME: "/home/node/.codex",
  });
  assertEquals(plan.dirs, [{ guestPath: "/home/node/.codex" }]);
  assertEquals(plan.files, [{
    guestPath: "/home/node/.codex/config.toml",
    content: '[projects."/home/node/workspace"]\ntrust_level = "trusted"\n',
  }]);
  assertEquals([plan.preCopy, plan.verify, plan.provisionedEnv], [[], [], {}]);
  assertEquals(plan.remoteControlArgs, undefined);
  assertEquals(plan.transcriptDir, undefined);
  assertEquals(plan.skillDirs, ["/home/node/.claude/skills", "/home/node/.codex/skills"]);
  assertEquals(request.read, []);
});

Deno.test("codex with the host's login: one token for both hosts, and only it is a secret of the plan", async () => {
  const auth = deviceLogin();
  const plan = await planProvider(forwarding(auth));
  const injected = { scheme: "Bearer", tokenRef: REF } as const;
  assertEquals(plan.routes.map((route) => [route.host, route.auth]), [
    ["api.openai.com", injected],
    ["chatgpt.com", injected],
  ]);
  assertEquals(Object.keys(plan.provisionedEnv), [REF]);
  const { access_token } = auth.tokens as { access_token: string };
  assertEquals(plan.provisionedEnv[REF]!.reveal(), access_token);
  assertEquals(plan.files.map((file) => file.guestPath), [
    "/home/node/.codex/config.toml",
    "/home/node/.codex/auth.json",
  ]);
  assertEquals(JSON.stringify(plan).includes(access_token.split(".")[1]!), false);
  assertEquals(JSON.stringify(plan).includes("real-refresh"), false);
});

Deno.test("codex with the host's login: old databases are removed before, codex is asked after", async () => {
  const plan = await planProvider(forwarding(deviceLogin(), { manifestEnv: { CODEX_HOME: "/run/codex/" } }));
  assertEquals(plan.env.CODEX_HOME, "/run/codex");
  assertEquals(plan.dirs, [{ guestPath: "/run/codex" }]);
  assertEquals(plan.files.map((file) => file.guestPath), ["/run/codex/config.toml", "/run/codex/auth.json"]);
  assertEquals(plan.preCopy.map(({ argv, user }) => [argv[0], argv[1], argv.at(-1), user]), [
    ["find", "/run/codex", "-delete", "node"],
  ]);
  assertEquals(plan.verify.map(({ argv, env, user }) => [argv, env, user]), [
    [["codex", "login", "status"], { HOME: "/home/node", CODEX_HOME: "/run/codex" }, "node"],
  ]);
});

Deno.test("the command that resets databases takes these files and leaves the others", async () => {
  const dir = await Deno.makeTempDir();
  try {
    for (
      const name of ["state.sqlite", "state.sqlite-wal", "a.codex-repair-1.bak", "config.toml", "sqlite"]
    ) {
      await Deno.writeTextFile(`${dir}/${name}`, "");
    }
    await Deno.mkdir(`${dir}/below`);
    await Deno.writeTextFile(`${dir}/below/kept.sqlite`, "");
    const plan = await planProvider(forwarding(deviceLogin(), { manifestEnv: { CODEX_HOME: dir } }));
    const [program, ...args] = plan.preCopy[0]!.argv;
    assertEquals((await new Deno.Command(program!, { args }).output()).code, 0);
    assertEquals([...Deno.readDirSync(dir)].map((entry) => entry.name).sort(), [
      "below",
      "config.toml",
      "sqlite",
    ]);
    assertEquals([...Deno.readDirSync(`${dir}/below`)].length, 1);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

const places: [name: string, hostEnv: Record<string, string>, path: string][] = [
  ["the operator's home", {}, AUTH],
  ["an empty CODEX_HOME", { CODEX_HOME: "" }, AUTH],
  ["CODEX_HOME", { CODEX_HOME: "/srv/codex/" }, "/srv/codex/auth.json"],
  ["CODEX_HOME with a tilde", { CODEX_HOME: "~/logins/codex" }, "/home/operator/logins/codex/auth.json"],
];

for (const [name, hostEnv, path] of places) {
  Deno.test(`the host's login is looked for in ${name}`, async () => {
    const request = providerRequest("codex", {
      settings: { forwardHostCredentials: true },
      hostEnv,
      hostFiles: { [path]: JSON.stringify(deviceLogin()) },
    });
    await planProvider(request);
    assertEquals(request.read, [path]);
  });
}

const SECRET = "tok-0123456789-never-shown";
const jwt = (claims: Record<string, unknown>): string => hostJwt({ note: SECRET, ...claims });
const tokens = (access_token: unknown): Record<string, unknown> => ({
  auth_mode: "chatgpt",
  tokens: { access_token, refresh_token: SECRET },
});

const refused: [name: string, auth: unknown, condition: RegExp][] = [
  ["malformed JSON", `{"tokens": "${SECRET}" oops`, /is not a JSON object/],
  ["an array", [SECRET], /is not a JSON object/],
  ["a string", `"${SECRET}"`, /is not a JSON object/],
  [
    "an API key login",
    { ...tokens(jwt({ exp: NOW_SECONDS + 60 })), auth_mode: "api_key" },
    /not a user or device/,
  ],
  ["codex's own word for it", { auth_mode: "apikey", OPENAI_API_KEY: SECRET }, /not a user or device/],
  ["another kind of login", { auth_mode: "agentIdentity", agent_identity: SECRET }, /not a user or device/],
  ["no auth_mode", { tokens: { access_token: jwt({ exp: NOW_SECONDS + 60 }) } }, /not a user or device/],
  ["an auth_mode that is no word", { auth_mode: SECRET, tokens: {} }, /not a user or device/],
  ["no tokens", { auth_mode: "chatgpt" }, /has no tokens$/],
  ["tokens of a wrong type", { auth_mode: "chatgpt", tokens: SECRET }, /has no tokens$/],
  ["no access token", { auth_mode: "chatgpt", tokens: { refresh_token: SECRET } }, /no tokens\.access_token/],
  ["an empty access token", tokens(""), /no tokens\.access_token/],
  ["an access token of a wrong type", tokens([SECRET]), /no tokens\.access_token/],
  ["an opaque access token", tokens(SECRET), /not a JWT with a numeric exp/],
  ["claims that are no JSON", tokens(`e30.${btoa(SECRET)}.c2ln`), /not a JWT with a numeric exp/],
  ["no exp", tokens(jwt({})), /not a JWT with a numeric exp/],
  ["a textual exp", tokens(jwt({ exp: String(NOW_SECONDS + 60) })), /not a JWT with a numeric exp/],
  ["an expired token", tokens(jwt({ exp: NOW_SECONDS - 1 })), /has an expired tokens\.access_token/],
  ["a token that expires now", tokens(jwt({ exp: NOW / 1000 })), /has an expired tokens\.access_token/],
];

for (const [name, auth, condition] of refused) {
  Deno.test(`the host's login is refused: ${name}`, async () => {
    const error = await assertRejects(() => planProvider(forwarding(auth)), OperatorError) as OperatorError;
    assertMatch(error.message, condition);
    assertMatch(error.line, /`codex login --device-auth`/);
    assertMatch(error.message, /\/home\/operator\/\.codex\/auth\.json/);
    assertEquals(Deno.inspect(error, { depth: 9 }).includes(SECRET), false);
    assertEquals(Deno.inspect(error, { depth: 9 }).includes(btoa(SECRET)), false);
  });
}

Deno.test("the host's login is refused: no file, or one that cannot be read", async () => {
  const lost = providerRequest("codex", { settings: { forwardHostCredentials: true } });
  await assertRejects(() => planProvider(lost), OperatorError, "auth.json does not exist");
  const shut = { ...lost, readHostFile: () => Promise.reject(new Deno.errors.PermissionDenied("no")) };
  await assertRejects(() => planProvider(shut), OperatorError, "auth.json cannot be read");
});

Deno.test("codex refuses claude's setting and a CODEX_HOME that is no path of the guest", async () => {
  await assertRejects(
    () => planProvider(providerRequest("codex", { settings: { authToken: "T" } })),
    OperatorError,
    "auth_token is for template claude only",
  );
  for (const CODEX_HOME of ["", "codex", "~/codex", "/home/node/../../etc"]) {
    await assertRejects(
      () => planProvider(providerRequest("codex", { manifestEnv: { CODEX_HOME } })),
      OperatorError,
      "env.CODEX_HOME",
    );
  }
});

Deno.test("config.toml quotes a workspace path", async () => {
  const plan = await planProvider(providerRequest("codex", { workdir: '/home/a"b\\c' }));
  assertMatch(plan.files[0]!.content, /^\[projects\."\/home\/a\\"b\\\\c"\]\n/);
});
