import { assertEquals, assertThrows } from "@std/assert";
import { DAEMONS } from "../../../lib/bundle/daemons.ts";
import { Secret } from "../../../lib/secret.ts";
import { chooseDaemons, UsageError } from "../../../sidecars/init.ts";
import { daemonTable } from "../../../sidecars/init/table.ts";

const TABLE = daemonTable({
  tokens: { EGRESS_TOKEN_0: new Secret("real-token") },
  path: "/usr/bin",
  dropPrivileges: true,
});

Deno.test("tokens are egress's alone, and in no command line or plain environment", () => {
  for (const [name, program] of TABLE) {
    assertEquals(Object.keys(program.secretEnv), name === "egress" ? ["EGRESS_TOKEN_0"] : []);
    assertEquals(JSON.stringify(program).includes("real-token"), false);
  }
});

Deno.test("each daemon is its own user, and nobody's when init is not root", () => {
  for (const [name, program] of TABLE) assertEquals(program.uid, DAEMONS[name].uid);
  const unprivileged = daemonTable({ tokens: {}, path: "", dropPrivileges: false });
  for (const program of unprivileged.values()) assertEquals(program.uid, undefined);
});

Deno.test("egress may use its own port and the loopback, read its folder, and nothing wider", () => {
  const { args } = TABLE.get("egress")!;
  assertEquals(args.filter((arg) => arg.startsWith("--allow-")), [
    "--allow-net=0.0.0.0:9099,127.0.0.1",
    "--allow-read=/run/bottle/egress",
    "--allow-env=EGRESS_TOKEN_*",
  ]);
});

Deno.test("git-gate may read and write its own folders and start git, and has no network of its own", () => {
  const { args, env } = TABLE.get("git-gate")!;
  assertEquals(args.filter((arg) => arg.startsWith("--allow-")), [
    "--allow-read=/run/bottle/git-gate,/git",
    "--allow-write=/git",
    "--allow-run=git",
  ]);
  const http = TABLE.get("git-http")!.args.filter((arg) => arg.startsWith("--allow-"));
  assertEquals(http.slice(3), ["--allow-net=0.0.0.0:9420"]);
  assertEquals(Object.keys(env), ["PATH", "NO_COLOR", "DENO_NO_UPDATE_CHECK", "DENO_DIR"]);
});

Deno.test("pipelock listens on the loopback only", () => {
  const { args, env } = TABLE.get("pipelock")!;
  assertEquals(args, ["run", "-c", "/run/bottle/pipelock/pipelock.yaml", "-l", "127.0.0.1:8888"]);
  assertEquals(env.SSL_CERT_FILE, "/run/bottle/pipelock/upstream-ca.pem");
});

Deno.test("which daemons are started", () => {
  const names = (wanted: string | undefined) => chooseDaemons(wanted, TABLE).map((program) => program.name);
  const all = ["egress", "pipelock", "git-gate", "git-http"];
  assertEquals(names(undefined), all);
  assertEquals(names(""), all);
  assertEquals(names("pipelock, egress,pipelock"), ["egress", "pipelock"]);
  assertEquals(names("egress"), ["egress"]);
  assertThrows(() => names("egress,supervise"), UsageError, "no program for supervise yet");
  assertThrows(() => names("nginx"), UsageError, "the daemons are egress, pipelock");
  assertThrows(() => names("a\u001b[2J"), UsageError, "\\u{1b}");
});
