/** What the stand-in model answers, turn by turn. */

/** One turn of the model: words, or a shell command that the agent is asked to run. */
export type Turn = { readonly text: string } | { readonly shell: string };

/** The turns of a conversation; after the last one it is repeated. */
export type Script = readonly Turn[];

/**
 * Reads a script.
 *
 * @param json a list of `{"text": …}` and `{"shell": …}`
 * @throws {TypeError} it is anything else
 */
export function parseScript(json: string): Script {
  const script: unknown = JSON.parse(json);
  if (!Array.isArray(script) || script.length === 0 || !script.every(isTurn)) {
    throw new TypeError('a script is a non-empty list of {"text": …} and {"shell": …}');
  }
  return script;
}

/** The turn to play after so many turns of the model are already in the conversation. */
export function turnAfter(script: Script, played: number): Turn {
  return script[Math.min(played, script.length - 1)]!;
}

function isTurn(value: unknown): value is Turn {
  if (typeof value !== "object" || value === null) return false;
  const [key, ...more] = Object.keys(value);
  return more.length === 0 && (key === "text" || key === "shell") &&
    typeof (value as Record<string, unknown>)[key] === "string";
}
