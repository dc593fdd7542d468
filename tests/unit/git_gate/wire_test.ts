import { assertEquals, assertMatch } from "@std/assert";
import { parseGateConfig, renderGateConfig } from "../../../lib/git_gate/wire.ts";

const CONFIG = {
  maxPushBytes: 1,
  repos: [{ name: "app", url: "ssh://git@git.example:2222/app.git", host: "git.example", port: 2222 }],
};

Deno.test("gate.json reads back as it was; anything else is told by its key", () => {
  assertEquals(parseGateConfig(renderGateConfig(CONFIG)), CONFIG);
  const bad: readonly [unknown, RegExp][] = [
    [{ ...CONFIG, extra: 1 }, /extra|unrecognized/i],
    [{ ...CONFIG, maxPushBytes: 0 }, /maxPushBytes/],
    [{ ...CONFIG, repos: [...CONFIG.repos, ...CONFIG.repos] }, /two repositories have one name/],
    [{ ...CONFIG, repos: [{ ...CONFIG.repos[0], name: ".." }] }, /repos\.0\.name/],
    [{ ...CONFIG, repos: [{ ...CONFIG.repos[0], url: "https://x" }] }, /repos\.0\.url/],
  ];
  for (const [value, words] of bad) {
    const said = (() => {
      try {
        return JSON.stringify(parseGateConfig(JSON.stringify(value)));
      } catch (error) {
        return (error as Error).message;
      }
    })();
    assertMatch(said, words);
  }
});
