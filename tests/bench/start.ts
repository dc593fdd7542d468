/**
 * Start-up, memory and launch of the compiled executable: medians and p95 over at least 10 runs.
 *
 *     deno task bench [--runs N]
 *
 * The launch is measured against `docker run` of the same agent image, the two in turn in one run.
 */

import { startLab } from "../support/lab.ts";
import { median, summary } from "./stats.ts";

const root = new URL("../../", import.meta.url).pathname;
const bottle = `${root}dist/bottle`;
const encoder = new TextEncoder();
const say = (text: string) => void Deno.stdout.writeSync(encoder.encode(`${text}\n`));

interface Timed {
  /** Milliseconds from the call to the program's end. */
  readonly ms: number;
  /** Progress lines on standard error, with the time of each. */
  readonly lines: readonly { readonly ms: number; readonly text: string }[];
}

async function timed(program: string, args: readonly string[], env: Record<string, string>): Promise<Timed> {
  const started = performance.now();
  const child = new Deno.Command(program, {
    args: [...args],
    env,
    clearEnv: true,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines: { ms: number; text: string }[] = [];
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    const ms = performance.now() - started;
    for (const text of chunk.split("\n")) if (text !== "") lines.push({ ms, text });
  }
  const { code } = await child.status;
  const ms = performance.now() - started;
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: status ${code}: ${lines.at(-1)?.text}`);
  return { ms, lines };
}

/** Peak memory of a program in MB, as the kernel counts it for a child that has ended. */
async function peakMegabytes(args: readonly string[], env: Record<string, string>): Promise<number> {
  const script = "import resource,subprocess,sys\n" +
    "subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL,check=True)\n" +
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
  const { stdout, success } = await new Deno.Command("python3", { args: ["-c", script, ...args], env })
    .output();
  if (!success) throw new Error(`${args.join(" ")} failed`);
  return Number(new TextDecoder().decode(stdout)) / 1024;
}

async function repeat<T>(runs: number, work: () => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let run = 0; run < runs; run++) results.push(await work());
  return results;
}

/** Milliseconds between each progress line and the next, by name, medians. */
function stepTimes(runs: readonly Timed[]): readonly string[] {
  const steps = runs[0]?.lines.map((line) => line.text) ?? [];
  const shown = steps.filter((text) => /^bottle: [a-z: ]+$/.test(text));
  return shown.map((text) => {
    const spent = runs.flatMap((run) => {
      const at = run.lines.findIndex((line) => line.text === text);
      const next = run.lines.slice(at + 1).find((line) => shown.includes(line.text));
      return at < 0 ? [] : [(next?.ms ?? run.ms) - run.lines[at]!.ms];
    });
    return `    ${text.replace("bottle: ", "").padEnd(34)} ${Math.round(median(spent))} ms`;
  });
}

async function agentImage(engineTags: () => Promise<string>): Promise<string> {
  const tag = (await engineTags()).split("\n").find((line) => line.startsWith("bot-bottle-claude:"));
  if (tag === undefined) throw new Error("there is no agent image");
  return tag;
}

async function output(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args: [...args] }).output();
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const at = Deno.args.indexOf("--runs");
  const runs = Math.max(10, at < 0 ? 10 : Number(Deno.args[at + 1]));
  await using lab = await startLab();
  const env = { ...lab.env };
  const help = await repeat(runs, () => timed(bottle, ["--help"], env));
  const dry = await repeat(runs, () => timed(bottle, ["start", "claude", "--dry-run"], env));
  const helpMemory = await repeat(runs, () => peakMegabytes([bottle, "--help"], env));
  say(`bottle --help                  ${summary(help.map((run) => run.ms), "ms")}`);
  say(`bottle --help, peak memory     ${summary(helpMemory, "MB")}`);
  say(`bottle start --dry-run         ${summary(dry.map((run) => run.ms), "ms")}`);

  const call = ["start", "claude", "--yes", "--", "--version"];
  await timed(bottle, call, env); // builds what is missing
  const image = await agentImage(() => output("docker", ["images", "--format", "{{.Repository}}:{{.Tag}}"]));
  const ours: Timed[] = [];
  const plain: Timed[] = [];
  for (let run = 0; run < runs; run++) {
    ours.push(await timed(bottle, call, env));
    plain.push(await timed("docker", ["run", "--rm", image, "claude", "--version"], env));
  }
  const overhead = ours.map((run, index) => run.ms - plain[index]!.ms);
  say(`bottle start -- --version      ${summary(ours.map((run) => run.ms), "ms")}`);
  say(`docker run IMAGE --version     ${summary(plain.map((run) => run.ms), "ms")}`);
  say(`overhead                       ${summary(overhead, "ms")}`);
  say("  steps of the launch, medians:");
  say(stepTimes(ours).join("\n"));
}
