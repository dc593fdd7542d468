import { assertEquals } from "@std/assert";
import { escapedJson, escapeUntrusted } from "../../lib/escape.ts";

const HOSTILE = "a\x1b[2J\x9b31m\u202ebidi\x7f\u{e0041}\n\ttail";

Deno.test("what a terminal would act on is shown, on one line", () => {
  assertEquals(escapeUntrusted("a\x1b[2J\x9b\u202e\n\t"), "a\\u{1b}[2J\\u{9b}\\u{202e}\\n\\t");
});

Deno.test("JSON text holds nothing that a terminal would act on, and reads back as it was", () => {
  const value = { prompt: HOSTILE, list: [HOSTILE] };
  const text = escapedJson(value);
  assertEquals(JSON.parse(text), value);
  assertEquals(/[^\n\x20-\x7e]/.test(text), false, text);
});
