/**
 * Makes the one executable, `dist/bottle`: `deno task compile`.
 *
 * It embeds the image sources, so that it needs no checkout. Its permissions are decided in
 * docs/decisions (permissions of the executable): no network but the engine's socket, no programs run.
 */

import { EMBEDDED_SOURCES } from "./context.ts";

/** Permissions of the executable. `docker:80` is the made-up host of requests that go over the engine's socket. */
export const PERMISSIONS: readonly string[] = [
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-net=docker:80",
  "--allow-sys=networkInterfaces,osRelease,uid,gid",
  "--no-prompt",
];

/** Where a local copy of the bare runtime may lie, for machines that cannot reach Deno's download host. */
const LOCAL_RUNTIMES = new URL("../../shared/denort/", import.meta.url);

/** Path of an unpacked local runtime, or undefined: then Deno downloads its own. */
async function localRuntime(): Promise<string | undefined> {
  const { arch, os } = Deno.build;
  try {
    for await (const entry of Deno.readDir(LOCAL_RUNTIMES)) {
      if (!entry.name.startsWith("denort-") || !entry.name.endsWith(`-${arch}-${os}.xz`)) continue;
      const target = new URL("../dist/denort", import.meta.url).pathname;
      const xz = new Deno.Command("xz", {
        args: ["-dc", new URL(entry.name, LOCAL_RUNTIMES).pathname],
        stdout: "piped",
      }).spawn();
      await Deno.writeFile(target, xz.stdout, { mode: 0o755 });
      if (!(await xz.status).success) throw new Error(`${entry.name} cannot be unpacked`);
      return target;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return undefined;
}

if (import.meta.main) {
  const root = new URL("../", import.meta.url).pathname;
  await Deno.mkdir(`${root}dist`, { recursive: true });
  const runtime = Deno.env.get("DENORT_BIN") ?? await localRuntime();
  const { code } = await new Deno.Command(Deno.execPath(), {
    cwd: root,
    args: [
      "compile",
      "--quiet",
      "--frozen",
      // What only tests and sidecars import stays out.
      "--exclude-unused-npm",
      ...PERMISSIONS,
      ...EMBEDDED_SOURCES.flatMap((path) => ["--include", path]),
      "--output",
      "dist/bottle",
      "main.ts",
    ],
    env: runtime === undefined ? {} : { DENORT_BIN: runtime },
  }).spawn().status;
  if (code === 0) {
    const { size } = await Deno.stat(`${root}dist/bottle`);
    Deno.stdout.writeSync(new TextEncoder().encode(`dist/bottle: ${Math.round(size / 1e6)} MB\n`));
  }
  Deno.exit(code);
}
