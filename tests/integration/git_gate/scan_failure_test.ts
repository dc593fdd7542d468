/** A scan that does not work refuses the push, and says that it is this and no finding. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { type ScanLab, startScanLab } from "../../support/scan_lab.ts";

const FAILED = "the scan for secrets failed, so nothing was pushed: ";

async function clean(lab: ScanLab): Promise<string> {
  const branch = await lab.fresh();
  await lab.work.commit("clean", { "a.txt": "clean\n" });
  return `HEAD:refs/heads/${branch}`;
}

async function refusedAsFault(lab: ScanLab): Promise<string> {
  const output = await lab.failed(await clean(lab));
  assertStringIncludes(output, FAILED);
  assertEquals(/at .*\.ts:\d+/.test(output), false, `a stack: ${output}`);
  const entry = lab.gate.log().at(-1)!;
  assertEquals([entry.event, entry.verdict, entry.rule], ["push", "fault", "scan"]);
  return output;
}

/** A folder of programs for a `PATH` of nothing else. */
async function programs(names: readonly string[], gitleaks?: string) {
  const folder = await Deno.makeTempDir({ prefix: "bottle-path-" });
  for (const name of names) {
    const found = await new Deno.Command("sh", { args: ["-c", `command -v ${name}`] }).output();
    await Deno.symlink(new TextDecoder().decode(found.stdout).trim(), `${folder}/${name}`);
  }
  if (gitleaks !== undefined) {
    const script =
      `#!/bin/sh\n# A fake gitleaks, for the ways to end that the real one cannot be brought to.\n${gitleaks}\n`;
    await Deno.writeTextFile(`${folder}/gitleaks`, script, { mode: 0o755 });
  }
  return { env: { PATH: folder }, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

const NEEDED = ["git", "ssh", "sh", "cat"];

Deno.test("gitleaks is not there", async () => {
  await using path = await programs(NEEDED);
  await using lab = await startScanLab(path.env);
  assertStringIncludes(await refusedAsFault(lab), "gitleaks could not be started");
});

for (
  const [what, script, told] of [
    ["is killed", "cat > /dev/null & kill -KILL $$", "gitleaks ended with SIGKILL"],
    ["is killed while it is fed", "kill -KILL $$", "gitleaks ended with SIGKILL"],
    [
      "ends with 1",
      "cat > /dev/null; echo 'FTL it broke' >&2; exit 1",
      "gitleaks ended with status 1: FTL it broke",
    ],
    ["does not know an option", "exit 126", "gitleaks ended with status 126"],
    [
      "says an error and ends well",
      "cat > /dev/null; echo '3:04PM ERR no such' >&2",
      "gitleaks: 3:04PM ERR no such",
    ],
    ["reads nothing and ends well", "exit 0", "gitleaks stopped reading"],
    ["finds, and reports nothing", "cat > /dev/null; exit 7", "gitleaks' report cannot be read"],
    [
      "finds, and reports an empty list",
      "cat > /dev/null; echo '[]'; exit 7",
      "gitleaks tells of a finding and names none",
    ],
    [
      "finds, and its report is cut off",
      "cat > /dev/null; echo '[{'; exit 7",
      "gitleaks' report cannot be read",
    ],
    [
      "finds, and reports something else",
      "cat > /dev/null; echo '{}'; exit 7",
      "gitleaks' report cannot be read",
    ],
  ] as const
) {
  Deno.test(`gitleaks ${what}`, async () => {
    await using path = await programs(NEEDED, script);
    await using lab = await startScanLab(path.env);
    const output = await refusedAsFault(lab);
    assertStringIncludes(output, told);
  });
}

Deno.test("gitleaks says more than is read", async () => {
  await using path = await programs(
    [...NEEDED, "head"],
    "cat > /dev/null; head -c 3000000 /dev/zero >&2; exit 0",
  );
  await using lab = await startScanLab(path.env);
  await refusedAsFault(lab);
});

Deno.test("the real gitleaks with rules that it cannot read, and then with good ones again", async () => {
  await using lab = await startScanLab();
  const rules = `${lab.gate.root}/state/rules.toml`;
  const good = await Deno.readTextFile(rules);
  for (const bad of ["[extend\n", '[[rules]]\nid = "x"\nregex = "("\n']) {
    await Deno.writeTextFile(rules, bad);
    assertStringIncludes(await refusedAsFault(lab), "gitleaks ended with status");
  }
  await Deno.remove(rules);
  assertStringIncludes(await refusedAsFault(lab), "gitleaks ended with status 1");
  await Deno.writeTextFile(rules, good);
  await lab.passed(await clean(lab));
});
