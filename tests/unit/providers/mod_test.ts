import { assertEquals, assertRejects } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import { planProvider, providerTemplates } from "../../../lib/providers/mod.ts";
import { providerRequest } from "./request.ts";

Deno.test("every template that a manifest may name can be planned, and says its own name", async () => {
  assertEquals(providerTemplates, ["claude", "codex"]);
  for (const template of providerTemplates) {
    assertEquals((await planProvider(providerRequest(template))).template, template);
  }
});

Deno.test("an unknown template is an error that names the known ones and hides control characters", async () => {
  const error = await assertRejects(() => planProvider(providerRequest("cl\u001baude")), OperatorError);
  assertEquals(
    (error as OperatorError).line,
    'agent_provider.template: unknown provider "cl\\u{1b}aude"; use one of claude, codex',
  );
});
