/** What is in the way of a state folder is named. Once a file there was told as an identity that is taken. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import { acquireOwnerLock } from "../../../lib/state/lock.ts";
import { withHome } from "./folder.ts";

const ID = "dev-abc12";

async function refused(home: string, fresh: boolean): Promise<string> {
  const error = await assertRejects(() => acquireOwnerLock(home, ID, { fresh }), OperatorError);
  return (error as OperatorError).line;
}

Deno.test("a file in the place of the state folders is named, for a fresh bottle and a kept one", () =>
  withHome(async (home) => {
    await Deno.mkdir(`${home}/.bot-bottle`);
    await Deno.writeTextFile(`${home}/.bot-bottle/state`, "");
    for (const fresh of [true, false]) {
      assertEquals(await refused(home, fresh), `${home}/.bot-bottle/state is not a folder; move it away`);
    }
  }));

Deno.test("a file in the place of bottle's own folder is named", () =>
  withHome(async (home) => {
    await Deno.writeTextFile(`${home}/.bot-bottle`, "");
    const line = await refused(home, true);
    assert(line.startsWith(`cannot make the folder ${home}/.bot-bottle/state: Not a directory`), line);
  }));

Deno.test("a file in the place of a kept bottle's folder is no identity that is taken", () =>
  withHome(async (home) => {
    await Deno.mkdir(`${home}/.bot-bottle/state`, { recursive: true });
    await Deno.writeTextFile(`${home}/.bot-bottle/state/${ID}`, "");
    const line = await refused(home, false);
    assert(
      line.startsWith(`cannot lock the state folder ${home}/.bot-bottle/state/${ID}: File exists`),
      line,
    );
  }));
