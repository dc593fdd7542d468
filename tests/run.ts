/**
 * Runs the test suites and ends with one line, `N passed, N failed, N skipped`.
 *
 *     deno task test              everything: set-up, unit, fuzz, integration, escape, e2e
 *     deno task test unit escape   the suites named
 *
 * A suite that cannot start counts as a failure, never as skipped.
 */

import { deno } from "./support/deno.ts";
import { type SuiteName, SUITES } from "./support/suites.ts";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

const encoder = new TextEncoder();

function say(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

/** Reads deno's own closing line: `ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)`. */
function countOf(text: string): Count | undefined {
  const line = text.split("\n").findLast((line) => /^(?:ok|FAILED) \| /.test(line));
  if (line === undefined) return undefined;
  const number = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
  return { passed: number("passed"), failed: number("failed"), skipped: number("ignored") };
}

async function runSuite(name: SuiteName, total: Count): Promise<void> {
  const suite = SUITES[name];
  for (const step of suite.before) {
    say(`\n== ${name}: ${step.join(" ")}`);
    const { ok } = await deno(step);
    if (ok) continue;
    say(`${name}: could not be prepared, so it failed`);
    total.failed++;
    return;
  }
  say(`\n== ${name}`);
  const { ok, text } = await deno(["test", "--no-prompt", ...suite.args, ...suite.paths], {
    ...await suite.env(),
    NO_COLOR: "1",
  });
  const count = countOf(text);
  if (count === undefined || (!ok && count.failed === 0)) {
    total.failed++;
    if (count === undefined) return;
  }
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
}

if (import.meta.main) {
  const names = (Deno.args.length > 0 ? Deno.args : Object.keys(SUITES)) as SuiteName[];
  const unknown = names.find((name) => !Object.hasOwn(SUITES, name));
  if (unknown !== undefined) {
    say(`no suite ${JSON.stringify(unknown)}; there are ${Object.keys(SUITES).join(", ")}`);
    Deno.exit(2);
  }
  const total: Count = { passed: 0, failed: 0, skipped: 0 };
  const started = performance.now();
  for (const name of names) await runSuite(name, total);
  say(`\ntook ${Math.round((performance.now() - started) / 1000)} s`);
  say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  Deno.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
}
