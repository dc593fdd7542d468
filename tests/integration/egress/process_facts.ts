/** What the kernel knows of a running process. */

const MIB = 1024;

/** Memory of a process in MiB: now, and at most since its start or the last {@linkcode forgetPeak}. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+([0-9]+) kB$`, "m").exec(status)![1]) / MIB;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}

/** Has the peak begin anew at what is in use now. */
export function forgetPeak(pid: number): void {
  Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Open file descriptors of a process. */
export function openFilesOf(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}
