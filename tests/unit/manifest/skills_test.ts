import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { findSkills } from "../../../lib/manifest/skills.ts";
import { lineOf, makePlaces } from "./support.ts";

Deno.test("findSkills gives each skill's folder in the given order, links resolved", async () => {
  await using places = await makePlaces({
    "home/.claude/skills/review/SKILL.md": "r",
    "home/elsewhere/SKILL.md": "e",
  });
  const root = join(places.home, ".claude/skills");
  await Deno.symlink(join(places.home, "elsewhere"), join(root, "linked"));
  const home = await Deno.realPath(places.home);
  assertEquals(await findSkills(["linked", "review"], places.home), [
    { name: "linked", hostDir: join(home, "elsewhere") },
    { name: "review", hostDir: join(home, ".claude/skills/review") },
  ]);
  assertEquals(await findSkills([], places.home), []);
});

Deno.test("a missing skill stops with its name, the place looked at and the near name", async () => {
  await using places = await makePlaces({
    "home/.claude/skills/review/SKILL.md": "r",
    "home/.claude/skills/empty/README.md": "no SKILL.md",
    "home/.claude/skills/file": "not a folder",
  });
  const root = join(places.home, ".claude/skills");
  assertEquals(
    await lineOf(() => findSkills(["review", "reveiw"], places.home)),
    `skill reveiw is missing: there is no ${root}/reveiw/SKILL.md; did you mean review? skills: review`,
  );
  for (const name of ["empty", "file"]) {
    // The word itself is no suggestion.
    assertEquals(
      await lineOf(() => findSkills([name], places.home)),
      `skill ${name} is missing: there is no ${root}/${name}/SKILL.md; skills: review`,
    );
  }
  await using bare = await makePlaces();
  assertStringIncludes(await lineOf(() => findSkills(["a"], bare.home)), "no skills are defined");
});

Deno.test("a skill's name is no way out of the skills' folder", async () => {
  await using places = await makePlaces({ "home/.claude/SKILL.md": "x", "home/SKILL.md": "x" });
  for (const name of ["..", "../..", ".", "", "a/../..", "/etc", "a\0b", "-x", ".hidden"]) {
    assertStringIncludes(
      await lineOf(() => findSkills([name], places.home)),
      "is not the name of a skill folder",
    );
  }
});
