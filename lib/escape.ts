/** Text from the agent, a repository or the network is data: what a terminal would act on is shown, not done. */

// C0 and C1 controls, DEL, bidi marks and overrides, zero-width and line separators, the byte order mark.
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu;

/** A value as JSON text for a terminal or a script: indented, and with what a terminal would act on as `\uXXXX`. */
export function escapedJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    UNSAFE,
    (char) =>
      char === "\n" ? char : [...Array(char.length).keys()]
        .map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  );
}

/**
 * Escapes control characters, terminal escape sequences and bidi overrides as `\u{…}`, so that the text can be
 * shown on one line of a terminal.
 */
export function escapeUntrusted(text: string): string {
  return text.replace(UNSAFE, (char) => {
    const code = char.codePointAt(0)!;
    if (code === 0x0a) return "\\n";
    if (code === 0x09) return "\\t";
    return `\\u{${code.toString(16).padStart(2, "0")}}`;
  });
}
