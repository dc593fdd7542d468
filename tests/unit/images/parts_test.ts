import { assertEquals, assertMatch } from "@std/assert";
import { PART_KINDS, partImage, type PartKind, PARTS, STAND_IN_PIPELOCK } from "../../../images/parts.ts";

interface Row {
  readonly name: string;
  readonly set?: string;
  readonly hasLocal: boolean;
  readonly source: "setting" | "local" | "registry";
}

const ROWS: readonly Row[] = [
  { name: "setting over all", set: "r.example/x:1", hasLocal: true, source: "setting" },
  { name: "setting without a local part", set: "r.example/x:1", hasLocal: false, source: "setting" },
  { name: "local part", hasLocal: true, source: "local" },
  { name: "registry", hasLocal: false, source: "registry" },
];

for (const kind of PART_KINDS) {
  for (const { name, set, hasLocal, source } of ROWS) {
    Deno.test(`partImage ${kind}: ${name}`, () => {
      const settings = set === undefined ? {} : { [PARTS[kind].settingKey]: set };
      const refs = { setting: set ?? "", local: PARTS[kind].local, registry: PARTS[kind].registry };
      assertEquals(partImage(kind, settings, hasLocal), { ref: refs[source], source });
    });
  }
}

Deno.test("a setting of one part does not touch the others", () => {
  const settings = { pipelockImage: "r.example/p:1" };
  const sources = PART_KINDS.map((
    kind,
  ): [PartKind, string] => [kind, partImage(kind, settings, true).source]);
  assertEquals(Object.fromEntries(sources), {
    base: "local",
    deno: "local",
    gitleaks: "local",
    pipelock: "setting",
  });
});

Deno.test("no part resolves to the stand-in by itself", () => {
  for (const kind of PART_KINDS) {
    for (const hasLocal of [true, false]) {
      assertEquals(partImage(kind, {}, hasLocal).ref === STAND_IN_PIPELOCK, false);
    }
  }
});

Deno.test("parts are pinned by version in both places", () => {
  for (const kind of PART_KINDS) {
    const { version, local, registry } = PARTS[kind];
    assertMatch(version, /^\d+\.\d+\.\d+$/);
    for (const ref of [local, registry]) assertEquals(ref.split(":").at(-1)?.includes(version), true, ref);
  }
});
