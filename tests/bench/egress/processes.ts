/** The programs of one run: started with their output in files, ended by their ids. */

const GRACE_MS = 3_000;
const OUTPUT_CHARS = 1_000;
/** Clock ticks of `/proc/PID/stat` in a second: fixed on Linux for what user space sees. */
export const TICKS = 100;

/** A running program. */
export interface Process {
  readonly pid: number;
  /** When it was started, in milliseconds since the epoch. */
  readonly started: number;
  /** How it ended without being asked, with its last output; undefined: it runs. */
  death(): Promise<string | undefined>;
  /** SIGTERM, then SIGKILL; resolves when it has ended. */
  stop(): Promise<void>;
}

/** All programs of one run; disposing it ends them. */
export class Processes implements AsyncDisposable {
  readonly #dir: string;
  readonly #running = new Set<Process>();
  #count = 0;

  /** @param dir folder for the output */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Starts a program. Nothing of this process's environment is inherited. */
  start(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Process {
    const log = `${this.#dir}/output-${this.#count++}.log`;
    const started = Date.now();
    // The shell only opens the file; exec keeps its process id.
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", 'exec "$@" > "$0" 2>&1', log, program, ...args],
      clearEnv: true,
      env: { ...env },
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    let status: Deno.CommandStatus | undefined;
    child.status.then((ended) => status = ended);
    const process: Process = {
      pid: child.pid,
      started,
      death: async () => {
        if (status === undefined) return undefined;
        // Its access log is of no use here.
        const lines = (await Deno.readTextFile(log)).split("\n").filter((line) => !line.startsWith("{"));
        const output = lines.join("\n").trim().slice(-OUTPUT_CHARS);
        return `${program.split("/").at(-1)}: ${status.signal ?? `status ${status.code}`}: ${output}`;
      },
      stop: async () => {
        if (!this.#running.delete(process)) return;
        signal(child, "SIGTERM");
        const timer = setTimeout(() => signal(child, "SIGKILL"), GRACE_MS);
        await child.status;
        clearTimeout(timer);
        await Deno.remove(log);
      },
    };
    this.#running.add(process);
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((process) => process.stop()));
  }
}

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch {
    // Ended already.
  }
}

/** Memory of processes with their descendants, in MB. */
export interface Memory {
  /** Resident now. */
  readonly resident: number;
  /** Resident at most so far; of several processes the sum, though their peaks may have been at different times. */
  readonly peak: number;
}

/** Memory of processes with their descendants. */
export function memoryOf(pids: readonly number[]): Memory {
  const statuses = familyOf(pids).map((pid) => read(`/proc/${pid}/status`));
  const sum = (key: string) =>
    statuses.reduce(
      (total, text) => total + Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0),
      0,
    );
  return { resident: sum("VmRSS") / 1024, peak: sum("VmHWM") / 1024 };
}

/** Processor time of processes with their descendants, in seconds. */
export function processorTimeOf(pids: readonly number[]): number {
  return secondsOf(pids, [11, 12]);
}

/** The same with what those descendants have used that have ended. */
export function wholeTimeOf(pids: readonly number[]): number {
  return secondsOf(pids, [11, 12, 13, 14]);
}

function secondsOf(pids: readonly number[], fields: readonly number[]): number {
  return familyOf(pids).reduce((total, pid) => {
    const all = statFields(pid);
    return fields.reduce((sum, field) => sum + Number(all[field] ?? 0) / TICKS, total);
  }, 0);
}

function familyOf(pids: readonly number[]): readonly number[] {
  const family = new Set(pids);
  const all = [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name)).filter((pid) => pid > 0);
  // Children have higher ids than their parents.
  for (const pid of all.toSorted((a, b) => a - b)) {
    if (family.has(Number(statFields(pid)[1]))) family.add(pid);
  }
  return [...family];
}

/** Fields of `/proc/PID/stat` after the program's name: state, parent, … */
function statFields(pid: number): readonly string[] {
  return read(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ");
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // The process has ended.
    return "";
  }
}
