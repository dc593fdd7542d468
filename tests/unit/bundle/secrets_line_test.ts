import { assertEquals, assertThrows } from "@std/assert";
import {
  parseSecretsLine,
  renderSecretsLine,
  SECRETS_LINE_MAX_BYTES,
} from "../../../lib/bundle/secrets_line.ts";
import { isSlotName, MAX_SLOTS, MAX_TOKEN_CHARS, slotName } from "../../../lib/egress/slots.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { Secret } from "../../../lib/secret.ts";

function revealed(tokens: Record<string, Secret>): Record<string, string> {
  return Object.fromEntries(Object.entries(tokens).map(([slot, token]) => [slot, token.reveal()]));
}

Deno.test("the secrets line is one line of JSON and reads back as it was", () => {
  const tokens = { EGRESS_TOKEN_0: new Secret('sk-"quoted"\\'), EGRESS_TOKEN_11: new Secret("") };
  const line = new TextDecoder().decode(renderSecretsLine(tokens));
  assertEquals(line, '{"tokens":{"EGRESS_TOKEN_0":"sk-\\"quoted\\"\\\\","EGRESS_TOKEN_11":""}}\n');
  assertEquals(revealed(parseSecretsLine(line)), { EGRESS_TOKEN_0: 'sk-"quoted"\\', EGRESS_TOKEN_11: "" });
});

Deno.test("an empty line holds no tokens", () => {
  for (const text of ["", "\n", '{"tokens":{}}']) assertEquals(parseSecretsLine(text), {});
});

const REFUSED: readonly [string, string][] = [
  ["not JSON", "hunter2-secret"],
  ["cut JSON", '{"tokens":{"EGRESS_TOKEN_0":"hunter2'],
  ["no object", '"hunter2"'],
  ["array", '["hunter2"]'],
  ["no tokens", "{}"],
  ["tokens is an array", '{"tokens":["hunter2"]}'],
  ["another key", '{"tokens":{},"hunter2":1}'],
  ["number", '{"tokens":{"EGRESS_TOKEN_0":1}}'],
  ["null", '{"tokens":{"EGRESS_TOKEN_0":null}}'],
  ["other variable", '{"tokens":{"LD_PRELOAD":"hunter2"}}'],
  ["name with a tail", '{"tokens":{"EGRESS_TOKEN_0x":"hunter2"}}'],
  ["name without a number", '{"tokens":{"EGRESS_TOKEN_":"hunter2"}}'],
  ["leading zero", '{"tokens":{"EGRESS_TOKEN_00":"hunter2"}}'],
  ["prototype", '{"tokens":{"__proto__":"hunter2"}}'],
  ["newline in a token", '{"tokens":{"EGRESS_TOKEN_0":"hunter2\\nX-Evil: 1"}}'],
  ["blank in a token", '{"tokens":{"EGRESS_TOKEN_0":"hunter2 "}}'],
  ["NUL in a token", '{"tokens":{"EGRESS_TOKEN_0":"hunter2\\u0000"}}'],
  ["non-ASCII token", '{"tokens":{"EGRESS_TOKEN_0":"hunter2é"}}'],
  ["two lines", '{"tokens":{}}\n{"tokens":{}}\n'],
  ["long token", `{"tokens":{"EGRESS_TOKEN_0":"hunter2${"x".repeat(MAX_TOKEN_CHARS)}"}}`],
  ["long line", " ".repeat(SECRETS_LINE_MAX_BYTES + 1)],
];

for (const [name, text] of REFUSED) {
  Deno.test(`the secrets line is refused without quoting it: ${name}`, () => {
    const error = assertThrows(() => parseSecretsLine(text), OperatorError) as OperatorError;
    assertEquals(error.message.includes("hunter2"), false, error.message);
    assertEquals(error.cause, undefined);
  });
}

Deno.test("what could not be read is not written either", () => {
  const bad: Record<string, Secret>[] = [
    { PATH: new Secret("x") },
    { EGRESS_TOKEN_0: new Secret("a\r\nb") },
    { EGRESS_TOKEN_0: new Secret("x".repeat(MAX_TOKEN_CHARS + 1)) },
    Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [`EGRESS_TOKEN_${n}`, new Secret("x".repeat(MAX_TOKEN_CHARS))]),
    ),
  ];
  for (const tokens of bad) assertThrows(() => renderSecretsLine(tokens), OperatorError);
});

Deno.test("a slot's name is one of those that egress reads", () => {
  for (const index of [0, 9, 10, MAX_SLOTS - 1]) assertEquals(isSlotName(slotName(index)), true);
  for (
    const name of [
      slotName(MAX_SLOTS),
      slotName(-1),
      "EGRESS_TOKEN_",
      "EGRESS_TOKEN_01",
      "egress_token_1",
      "PATH",
    ]
  ) {
    assertEquals(isSlotName(name), false, name);
  }
});
