import { assertEquals, assertRejects } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import { planProvider } from "../../../lib/providers/mod.ts";
import { providerRequest } from "./request.ts";

Deno.test("claude without a token: its host, no placeholder, no secret", async () => {
  const plan = await planProvider(providerRequest("claude"));
  assertEquals(plan.routes, [{ host: "api.anthropic.com", tlsPassthrough: true }]);
  assertEquals(plan.env, {
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_ERROR_REPORTING: "1",
  });
  assertEquals(plan.hiddenEnvNames, []);
  assertEquals(plan.provisionedEnv, {});
  assertEquals(plan.image, "bot-bottle-claude");
  assertEquals(plan.dockerfile, { kind: "embedded", path: "Dockerfile.claude" });
  assertEquals(plan.transcriptDir, "/home/node/.claude/projects");
  assertEquals(plan.skillDirs, ["/home/node/.claude/skills"]);
});

Deno.test("claude with a token: injection on its host, a hidden placeholder in the agent", async () => {
  const plan = await planProvider(providerRequest("claude", { settings: { authToken: "MY_TOKEN" } }));
  assertEquals(plan.routes, [{
    host: "api.anthropic.com",
    auth: { scheme: "Bearer", tokenRef: "MY_TOKEN" },
    tlsPassthrough: true,
  }]);
  assertEquals(plan.env.CLAUDE_CODE_OAUTH_TOKEN, "egress-placeholder");
  assertEquals(plan.hiddenEnvNames, ["CLAUDE_CODE_OAUTH_TOKEN"]);
  assertEquals(plan.provisionedEnv, {});
});

Deno.test("claude's first questions are answered for the home and the workspace", async () => {
  const plan = await planProvider(providerRequest("claude", { workdir: "/home/node/workspace" }));
  assertEquals(plan.files.map((file) => file.guestPath), ["/home/node/.claude.json"]);
  assertEquals(JSON.parse(plan.files[0]!.content), {
    hasCompletedOnboarding: true,
    theme: "dark",
    bypassPermissionsModeAccepted: true,
    projects: {
      "/home/node": { hasTrustDialogAccepted: true },
      "/home/node/workspace": { hasTrustDialogAccepted: true },
    },
  });
});

Deno.test("claude follows the guest's home and the operator's Dockerfile", async () => {
  const plan = await planProvider(providerRequest("claude", {
    guestHome: "/home/other",
    workdir: "/home/other",
    settings: { dockerfile: "/home/operator/Dockerfile" },
  }));
  assertEquals(plan.dockerfile, { kind: "operator", path: "/home/operator/Dockerfile" });
  assertEquals(plan.files[0]!.guestPath, "/home/other/.claude.json");
  assertEquals(Object.keys(JSON.parse(plan.files[0]!.content).projects), ["/home/other"]);
});

Deno.test("claude reads nothing of the host and refuses codex's setting", async () => {
  const request = providerRequest("claude", { settings: { authToken: "MY_TOKEN" } });
  await planProvider(request);
  assertEquals(request.read, []);
  await assertRejects(
    () => planProvider(providerRequest("claude", { settings: { forwardHostCredentials: true } })),
    OperatorError,
    "forward_host_credentials is for template codex only",
  );
});
