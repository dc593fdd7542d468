import { assertEquals } from "@std/assert";
import { type KeyPath, locateKey } from "../../../lib/manifest/locate.ts";

const TEXT = `# a comment with env: in it
env:

  A: x          # not B: here
  "B C": |
    B C: inside a block of text
    env:
  'D': y
list:
- one
-   two: 2
    three: 3
- - deep
flow: {a: {b: c}}
egress:
  routes:
    # first
    - host: a

      auth:
        scheme: x
    -
      host: b
last: z`.split("\n");

Deno.test("locateKey finds a key's line, or that of the deepest key that holds it", () => {
  const cases: [path: KeyPath, line: string | undefined][] = [
    [["env"], "env:"],
    [["env", "A"], "  A: x          # not B: here"],
    [["env", "B C"], '  "B C": |'],
    [["env", "D"], "  'D': y"],
    [["env", "missing"], "env:"],
    [["list", 0], "- one"],
    [["list", 1, "two"], "-   two: 2"],
    [["list", 1, "three"], "    three: 3"],
    [["list", 2], "- - deep"],
    [["list", 9], "list:"],
    [["flow", "a", "b"], "flow: {a: {b: c}}"],
    [["egress", "routes", 0, "host"], "    - host: a"],
    [["egress", "routes", 0, "auth", "scheme"], "        scheme: x"],
    [["egress", "routes", 1], "    -"],
    [["egress", "routes", 1, "host"], "      host: b"],
    [["last"], "last: z"],
    [["host"], undefined],
    [[], undefined],
  ];
  for (const [path, line] of cases) {
    const found = locateKey(TEXT.join("\n"), path);
    assertEquals(found === undefined ? undefined : TEXT[found], line, JSON.stringify(path));
  }
});
