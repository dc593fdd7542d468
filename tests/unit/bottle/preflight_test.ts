import { assert, assertEquals } from "@std/assert";
import type { BottlePlan } from "../../../lib/bottle/plan.ts";
import { renderPreflight } from "../../../lib/bottle/preflight.ts";
import { effectiveRoutes } from "../../../lib/egress/routes.ts";
import type { RepositoryOrigin, ResolvedAgent } from "../../../lib/manifest/model.ts";
import { Secret } from "../../../lib/secret.ts";
import { makePlan, makeResolved, PROVIDER, SETTINGS } from "./plans.ts";

const REPO = {
  name: "tools",
  url: "ssh://git@git.example.com:2222/me/tools.git",
  user: "git",
  host: "git.example.com",
  port: 2222,
  path: "/me/tools.git",
  identity: "/h/.ssh/id",
};

function fromRepository(repository: RepositoryOrigin): ResolvedAgent {
  const resolved = makeResolved();
  const file = "/src/project/.bot-bottle/agents/dev.md";
  return { ...resolved, agent: { ...resolved.agent, file, repository } };
}

const CASES: readonly { title: string; plan: Partial<BottlePlan>; lines: readonly string[] }[] = [
  {
    title: "the least",
    plan: {},
    lines: [
      "agent         : dev",
      "provider      : claude",
      "bottle        : box",
    ],
  },
  {
    title: "everything, in order, one value a line",
    plan: {
      resolved: {
        ...makeResolved({
          gitRepos: [
            REPO,
            { ...REPO, name: "narrow", push: ["agent/*", "refs/tags/agent-*"] },
            { ...REPO, name: "forced", push: ["agent/*"], force: true },
            { ...REPO, name: "kept", force: false },
          ],
        }),
        gitIdentity: {
          name: { value: "Dev Bot", from: "agent" },
          email: { value: "dev@example.com", from: "bottle" },
        },
      },
      env: {
        ZED: { kind: "value", value: new Secret("hunter2") },
        API_KEY: { kind: "prompt", text: "the key" },
      },
      skills: [{ name: "review", hostDir: "/h/.claude/skills/review" }, { name: "plan", hostDir: "/x" }],
      egress: effectiveRoutes(
        [{ host: "api.anthropic.com", auth: { scheme: "Bearer", tokenRef: "T" }, tlsPassthrough: true }],
        [
          { host: "example.com", pathAllowlist: ["/a"], tlsPassthrough: false, ssrfIpAllowlist: [] },
          {
            host: "api.github.com",
            pathAllowlist: [],
            auth: { scheme: "token", tokenRef: "G" },
            methods: ["GET", "POST"],
            git: "none",
            tlsPassthrough: false,
            ssrfIpAllowlist: [],
          },
          {
            host: "git.example.com",
            pathAllowlist: [],
            git: "fetch",
            tlsPassthrough: false,
            ssrfIpAllowlist: [],
          },
        ],
      ),
      copyCwd: true,
      workdir: "/home/node/workspace",
      warnings: ["a route was dropped"],
    },
    lines: [
      "agent         : dev",
      "provider      : claude",
      "env           : API_KEY (asks: ?the key)",
      "                ZED",
      "skills        : review",
      "                plan",
      "bottle        : box",
      "git identity  : name=Dev Bot (agent)",
      "                email=dev@example.com (bottle)",
      "git gate      : tools → git.example.com:2222",
      "                narrow → git.example.com:2222 [push:agent/*,refs/tags/agent-*] [no force]",
      "                forced → git.example.com:2222 [push:agent/*] [force]",
      "                kept → git.example.com:2222 [no force]",
      "egress        : api.anthropic.com [auth:Bearer]",
      "                example.com",
      "                api.github.com [auth:token] [methods:GET,POST] [git:none]",
      "                git.example.com [git:fetch]",
      "workspace     : /src/project → /home/node/workspace",
      "warning: a route was dropped",
    ],
  },
  {
    title: "placeholders are hidden, a manifest's own value in their place is not",
    plan: {
      provider: {
        ...PROVIDER,
        env: { TOKEN_A: "x", TOKEN_B: "x", PLAIN: "1" },
        hiddenEnvNames: ["TOKEN_A", "TOKEN_B"],
      },
      env: { TOKEN_B: { kind: "value", value: new Secret("real") } },
    },
    lines: [
      "agent         : dev",
      "provider      : claude",
      "env           : PLAIN",
      "                TOKEN_B",
      "bottle        : box",
    ],
  },
  {
    title: "the operator's own Dockerfile",
    plan: { provider: { ...PROVIDER, dockerfile: { kind: "operator", path: "/h/Dockerfile" } } },
    lines: [
      "agent         : dev",
      "provider      : claude (Dockerfile /h/Dockerfile)",
      "bottle        : box",
    ],
  },
  {
    title: "an agent of the repository's",
    plan: { resolved: fromRepository({}) },
    lines: [
      "agent         : dev (/src/project/.bot-bottle/agents/dev.md)",
      "provider      : claude",
      "bottle        : box",
    ],
  },
  {
    title: "an agent of the repository's in the place of the home's",
    plan: { resolved: fromRepository({ overrides: "/h/.bot-bottle/agents/dev.md" }) },
    lines: [
      "agent         : dev (/src/project/.bot-bottle/agents/dev.md)",
      "                overrides /h/.bot-bottle/agents/dev.md",
      "provider      : claude",
      "bottle        : box",
    ],
  },
  {
    title: "the operator's own image",
    plan: { settings: { ...SETTINGS, image: "mine:1" } },
    lines: ["agent         : dev", "provider      : claude (image mine:1)", "bottle        : box"],
  },
];

for (const { title, plan, lines } of CASES) {
  Deno.test(`preflight: ${title}`, () => assertEquals(renderPreflight(makePlan(plan)).split("\n"), lines));
}

// A repository can name agents, skills and git identities: none of them may draw on the operator's terminal, or
// make a line of its own that says another bottle.
const HOSTILE = "x\x1b[2J\nbottle        : harmless\u202e";

Deno.test("preflight: nothing untrusted reaches the terminal as it is", () => {
  const resolved = makeResolved();
  const text = renderPreflight(makePlan({
    resolved: {
      agent: { ...resolved.agent, name: HOSTILE, file: HOSTILE, repository: { overrides: HOSTILE } },
      bottle: { ...resolved.bottle, gitRepos: [{ ...REPO, name: HOSTILE, host: HOSTILE }] },
      gitIdentity: { name: { value: HOSTILE, from: "agent" } },
    },
    env: { [HOSTILE]: { kind: "prompt", text: HOSTILE } },
    skills: [{ name: HOSTILE, hostDir: "/x" }],
    cwd: HOSTILE,
    copyCwd: true,
    warnings: [HOSTILE],
  }));
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x0b-\x1f\u202e]/.test(text), text);
  assertEquals(text.split("\n").filter((line) => line.startsWith("bottle ")), ["bottle        : box"]);
});

Deno.test("preflight: no value of the environment is shown", () => {
  const text = renderPreflight(makePlan({
    provider: { ...PROVIDER, env: { FLAG: "provider-value" } },
    env: { KEY: { kind: "value", value: new Secret("manifest-value") } },
    tokens: { EGRESS_TOKEN_0: new Secret("token-value") },
  }));
  assert(!text.includes("-value"), text);
});
