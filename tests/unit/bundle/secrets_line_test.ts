import { assertEquals, assertThrows } from "@std/assert";
import {
  parseSecretsLine,
  renderSecretsLine,
  SECRETS_LINE_MAX_BYTES,
  SecretsLineError,
  TOKEN_MAX_CHARS,
  TOKEN_SLOT_PATTERN,
} from "../../../lib/bundle/secrets_line.ts";
import { TOKEN_ENV_PATTERN } from "../../../lib/egress/wire.ts";
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
  ["long token", `{"tokens":{"EGRESS_TOKEN_0":"hunter2${"x".repeat(TOKEN_MAX_CHARS)}"}}`],
  ["long line", " ".repeat(SECRETS_LINE_MAX_BYTES + 1)],
];

for (const [name, text] of REFUSED) {
  Deno.test(`the secrets line is refused without quoting it: ${name}`, () => {
    const error = assertThrows(() => parseSecretsLine(text), SecretsLineError) as SecretsLineError;
    assertEquals(error.message.includes("hunter2"), false, error.message);
    assertEquals(error.cause, undefined);
  });
}

Deno.test("what could not be read is not written either", () => {
  const bad: Record<string, Secret>[] = [
    { PATH: new Secret("x") },
    { EGRESS_TOKEN_0: new Secret("a\r\nb") },
    { EGRESS_TOKEN_0: new Secret("x".repeat(TOKEN_MAX_CHARS + 1)) },
    Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [`EGRESS_TOKEN_${n}`, new Secret("x".repeat(TOKEN_MAX_CHARS))]),
    ),
  ];
  for (const tokens of bad) assertThrows(() => renderSecretsLine(tokens), SecretsLineError);
});

Deno.test("the secrets line and routes.yaml call a slot by the same names", () => {
  // Two texts, since init starts faster without the schema library behind the other.
  assertEquals(TOKEN_SLOT_PATTERN.source.replace(/\\d/g, "[0-9]"), TOKEN_ENV_PATTERN.source);
});
