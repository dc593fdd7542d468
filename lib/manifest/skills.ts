/** Skills: folders of the operator's home that are copied into the guest (SPEC 3). */

import { join } from "@std/path";
import type { PlannedSkill } from "../bottle/plan.ts";
import { messageOf, OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { namesHint, quote } from "./issues.ts";
import { SKILL_NAME } from "./schema.ts";

/** Where skills stand below the home folder. */
const SKILLS = [".claude", "skills"];

/**
 * Finds each skill's folder, `~/.claude/skills/NAME` with a `SKILL.md` inside.
 *
 * An agent that a repository declares may name skills: a name is one folder, and never a way out of the skills' own.
 *
 * @param home the operator's home folder, absolute
 * @returns in the given order; a folder that is a link is given as what it leads to
 * @throws {OperatorError} a skill that is not there, with its name and the place looked at
 */
export async function findSkills(names: readonly string[], home: string): Promise<PlannedSkill[]> {
  const root = join(home, ...SKILLS);
  const skills: PlannedSkill[] = [];
  for (const name of names) {
    if (!SKILL_NAME.test(name)) throw new OperatorError(`${quote(name)} is not the name of a skill folder`);
    const folder = join(root, name);
    if (!await isFile(join(folder, "SKILL.md"))) {
      throw new OperatorError(
        `skill ${name} is missing: there is no ${escapeUntrusted(join(folder, "SKILL.md"))}`,
        { mend: namesHint("skill", name, await skillsIn(root)) },
      );
    }
    skills.push({ name, hostDir: await Deno.realPath(folder) });
  }
  return skills;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw new OperatorError(`${escapeUntrusted(path)} cannot be read: ${escapeUntrusted(messageOf(error))}`);
  }
}

/** Names of skills for the hint; none of what cannot be read. */
async function skillsIn(root: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(root)) {
      if (SKILL_NAME.test(name) && await isFile(join(root, name, "SKILL.md")).catch(() => false)) {
        names.push(name);
      }
    }
  } catch {
    return [];
  }
  return names;
}
