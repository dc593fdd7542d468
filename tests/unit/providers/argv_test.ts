import { assertEquals, assertThrows } from "@std/assert";
import type { AgentCall } from "../../../lib/bottle/contracts.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { agentArgv, planProvider, type PromptFile } from "../../../lib/providers/mod.ts";
import { providerRequest } from "./request.ts";

const claude = await planProvider(providerRequest("claude"));
const codex = await planProvider(providerRequest("codex"));
const plans = { claude, codex };

const none: AgentCall = { args: [], resume: false, remoteControl: false };
const prompt: PromptFile = { path: "/home/node/p.txt", empty: false };
const empty: PromptFile = { path: "/home/node/p.txt", empty: true };
const read = "Read and follow the instructions in /home/node/p.txt.";
const bypass = "--dangerously-bypass-approvals-and-sandbox";

const cases: [name: string, plan: keyof typeof plans, call: Partial<AgentCall>, PromptFile, string[]][] = [
  ["claude, plain", "claude", {}, empty, ["claude", "--dangerously-skip-permissions"]],
  ["claude, prompt", "claude", {}, prompt, [
    ...["claude", "--dangerously-skip-permissions"],
    ...["--append-system-prompt-file", "/home/node/p.txt"],
  ]],
  ["claude, resumed with its prompt", "claude", { resume: true }, prompt, [
    ...["claude", "--dangerously-skip-permissions", "--continue"],
    ...["--append-system-prompt-file", "/home/node/p.txt"],
  ]],
  [
    "claude, remote control before a flag, the operator's arguments last",
    "claude",
    {
      remoteControl: true,
      args: ["-p", "hi there"],
    },
    empty,
    ["claude", "--remote-control", "--dangerously-skip-permissions", "-p", "hi there"],
  ],
  ["codex, plain", "codex", {}, empty, ["codex", bypass]],
  ["codex, prompt as a message", "codex", {}, prompt, ["codex", bypass, read]],
  ["codex, no message when resumed", "codex", { resume: true }, prompt, [
    "codex",
    bypass,
    "resume",
    "--last",
  ]],
  ["codex, a subcommand of the operator's", "codex", { args: ["exec", "hi"] }, empty, [
    ...["codex", bypass, "exec", "hi"],
  ]],
  ["codex, arguments after the message", "codex", { args: ["--search"] }, prompt, [
    ...["codex", bypass, read, "--search"],
  ]],
];

for (const [name, plan, call, file, expected] of cases) {
  Deno.test(`argv: ${name}`, () => {
    assertEquals(agentArgv(plans[plan], { ...none, ...call }, file), expected);
  });
}

Deno.test("argv: remote control is refused where the provider has none", () => {
  const error = assertThrows(
    () => agentArgv(codex, { ...none, remoteControl: true }, empty),
    OperatorError,
    "provider codex has no remote control",
  );
  assertEquals((error as OperatorError).status, 2);
});
