/** What a started bottle finds in its home: owners, modes, links, environment; and how its containers are bounded. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { AGENT_LIMITS, BUNDLE_LIMITS } from "../../../backends/docker/container_specs.ts";
import { runExec } from "../../../backends/docker/engine/exec.ts";
import { engineFacts } from "../../../backends/docker/engine/system.ts";
import { LABELS, resourceName } from "../../../backends/docker/names.ts";
import { launchBottle } from "../../support/bottle.ts";
import { type Lab, startLab } from "../../support/lab.ts";
import { recording } from "../../support/launching.ts";

const SKILL = "lab-skill";

/** A repository with everything that is hard to copy. */
async function makeWorkspace(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/sub`, { recursive: true });
  await Deno.writeTextFile(`${folder}/run.sh`, "#!/bin/sh\necho ran\n", { mode: 0o755 });
  await Deno.chmod(`${folder}/run.sh`, 0o755);
  await Deno.writeTextFile(`${folder}/.dotfile`, "dot\n");
  await Deno.writeTextFile(`${folder}/sub/a file with ünïcode`, "text\n");
  await Deno.symlink("sub/a file with ünïcode", `${folder}/inside`);
  await Deno.symlink("nowhere/at/all", `${folder}/dangling`);
  await Deno.symlink("/etc/passwd", `${folder}/absolute`);
  await Deno.symlink("../../../../etc/shadow", `${folder}/outside`);
  await Deno.mkdir(`${folder}/.git/refs`, { recursive: true });
  await Deno.writeTextFile(`${folder}/.git/HEAD`, "ref: refs/heads/main\n");
}

async function makeSkill(lab: Lab): Promise<void> {
  const folder = `${lab.home}/.claude/skills/${SKILL}`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/SKILL.md`, "---\nname: lab-skill\n---\n");
  await Deno.writeTextFile(`${folder}/tool`, "#!/bin/sh\necho tool\n", { mode: 0o755 });
  await Deno.chmod(`${folder}/tool`, 0o755);
  await Deno.symlink("SKILL.md", `${folder}/link`);
  for (const name of ["claude", "codex"]) {
    const file = `${lab.home}/.bot-bottle/agents/${name}.md`;
    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.replace("---\n", `---\nskills: [${SKILL}]\n`));
  }
}

Deno.test("a bottle finds what its plan names", async (t) => {
  await using lab = await startLab();
  await makeSkill(lab);
  const cwd = `${lab.home}/project`;
  await makeWorkspace(cwd);
  // The manifest wins over a default of the provider's.
  const bottleFile = `${lab.home}/.bot-bottle/bottles/claude.md`;
  const manifest = await Deno.readTextFile(bottleFile);
  await Deno.writeTextFile(
    bottleFile,
    manifest.replace("env:\n", `env:\n  DISABLE_ERROR_REPORTING: "manifest"\n`),
  );
  const said = recording();
  await using launched = await launchBottle(lab, "claude", { cwd, progress: said });
  const { bottle, plan } = launched;
  const node = async (script: string) => (await bottle.exec(script, { user: "node" })).stdout.trim();
  const facts = (paths: string) => node(`cd /home/node; stat -c '%n %a %U:%G %F' ${paths}`);

  await t.step("prompt and provider's files", async () => {
    assertEquals(
      await facts(".bot-bottle-prompt.txt .claude.json .claude"),
      [
        ".bot-bottle-prompt.txt 600 node:node regular file",
        ".claude.json 600 node:node regular file",
        ".claude 700 node:node directory",
      ].join("\n"),
    );
    assertEquals(await node("cat ~/.bot-bottle-prompt.txt"), "You answer in one line.");
    assertEquals(await node("find /home/node ! -user node"), "");
  });

  await t.step("skills", async () => {
    const folder = `/home/node/.claude/skills/${SKILL}`;
    assertEquals(
      await node(`${folder}/tool; readlink ${folder}/link; head -c 3 ${folder}/link`),
      "tool\nSKILL.md\n---",
    );
  });

  await t.step("the workspace", async () => {
    assertEquals(plan.workdir, "/home/node/workspace");
    assertEquals(
      await node(
        "cd ~/workspace; ./run.sh; cat .dotfile inside; readlink inside dangling absolute outside; cat .git/HEAD",
      ),
      "ran\ndot\ntext\nsub/a file with ünïcode\nnowhere/at/all\n/etc/passwd\n../../../../etc/shadow\nref: refs/heads/main",
    );
    assertEquals(
      await node("cd ~/workspace; stat -c '%a %U' run.sh; touch mine && echo writable"),
      "755 node\nwritable",
    );
  });

  await t.step("git identity", async () => {
    assertEquals(
      await node("git config --global user.name; git config --global user.email; stat -c %U ~/.gitconfig"),
      "Lab Agent\nagent@lab.example\nnode",
    );
  });

  await t.step("the certificate", async () => {
    const fingerprint = said.details.find((text) =>
      text.startsWith("certificate authority")
    )?.split(" ").at(-1) ?? "";
    assertMatch(fingerprint, /^[0-9A-F:]{95}$/);
    const script =
      `openssl x509 -noout -fingerprint -sha256 -in /usr/local/share/ca-certificates/bot-bottle.crt
openssl crl2pkcs7 -nocrl -certfile "$SSL_CERT_FILE" | openssl pkcs7 -print_certs -noout | grep -c ^subject`;
    const [line, count] = (await node(script)).split("\n");
    assertEquals(line?.split("=")[1], fingerprint);
    assertEquals(count, "1", "the guest trusts its bottle's CA alone");
  });

  await t.step("the environment", async () => {
    for (const [user, home] of [["node", "/home/node"], ["root", "/root"]] as const) {
      const { stdout } = await bottle.exec("env", { user });
      const env = new Map(stdout.trim().split("\n").map((line) => line.split(/=(.*)/s) as [string, string]));
      assertEquals(env.get("HOME"), home);
      assertEquals(env.get("USER"), user);
      // The manifest's and the provider's are the agent's alone.
      const own = user === "node";
      assertEquals(env.get("DISABLE_ERROR_REPORTING"), own ? "manifest" : undefined);
      assertEquals(env.get("LAB_NOTE"), own ? "from the manifest" : undefined);
      for (const name of ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]) {
        assertEquals(env.get(name), "http://egress:9099");
      }
      assertEquals(env.get("CLAUDE_CODE_OAUTH_TOKEN"), own ? "egress-placeholder" : undefined);
    }
  });

  await t.step("names, labels and bounds", async () => {
    for (const [role, limits] of [["agent", AGENT_LIMITS], ["bundle", BUNDLE_LIMITS]] as const) {
      const name = resourceName(plan.identity, role);
      const info = await lab.engine.json<{
        Name: string;
        Config: { Labels: Record<string, string>; User: string; Env: string[] };
        HostConfig: Record<string, unknown>;
        Mounts: unknown[];
      }>("GET", `/containers/${name}/json`);
      assertEquals(info.Name, `/${name}`);
      assertEquals(info.Config.Labels[LABELS.identity], plan.identity);
      assertEquals(info.Config.Labels[LABELS.role], role);
      const host = info.HostConfig;
      assertEquals([host["PidsLimit"], host["Memory"]], [limits.pids, limits.memoryBytes]);
      assertEquals(host["CapDrop"], ["ALL"]);
      assertEquals(host["SecurityOpt"], ["no-new-privileges:true"]);
      assertEquals([host["Privileged"], host["PidMode"], host["IpcMode"]], [false, "", "private"]);
      assertEquals((host["RestartPolicy"] as { Name: string }).Name, "no");
      assertEquals(info.Mounts, []);
      if (role === "agent") assertEquals([host["CapAdd"], info.Config.User], [null, "node"]);
    }
  });

  await t.step("the bundle acknowledges promptly where the kernel can be told to", async () => {
    const { pingpongThreshold } = await engineFacts(lab.engine);
    const argv = ["cat", "/proc/sys/net/ipv4/tcp_pingpong_thresh"];
    const bundle = resourceName(plan.identity, "bundle");
    const { stdout } = await runExec(lab.engine, bundle, { argv, user: "root", env: {} });
    assertEquals(stdout.trim() === "255", pingpongThreshold);
  });

  await t.step("bottles of this home are found, of another home not", async () => {
    const found = (await launched.backend.enumerateActive()).find(({ identity }) =>
      identity === plan.identity
    );
    assertEquals(found?.orphan, false);
    assert(!(await launched.backend.prepareCleanup()).some(({ identity }) => identity === plan.identity));
    await using other = await startLab();
    const { dockerBackend } = await import("../../../backends/docker/mod.ts");
    const theirs = dockerBackend({ home: other.home, env: other.env });
    assertEquals(await theirs.enumerateActive(), []);
    assertEquals(await theirs.prepareCleanup(), []);
  });
});

Deno.test("a worktree's .git file stays behind, and nothing builds a second time", async () => {
  await using lab = await startLab();
  await makeSkill(lab);
  const cwd = `${lab.home}/worktree`;
  await Deno.mkdir(cwd);
  await Deno.writeTextFile(`${cwd}/.git`, "gitdir: /root/elsewhere/.git/worktrees/x\n");
  await Deno.writeTextFile(`${cwd}/file`, "x");
  await using first = await launchBottle(lab, "codex", { cwd });
  assertEquals((await first.bottle.exec("ls -A ~/workspace", { user: "node" })).stdout, "file\n");
  for (const dir of first.plan.provider.skillDirs) {
    assertEquals((await first.bottle.exec(`${dir}/${SKILL}/tool`, { user: "node" })).stdout, "tool\n");
  }
  const said = recording();
  await using _second = await launchBottle(lab, "codex", { progress: said });
  assertEquals(said.steps.filter((step) => /build/.test(step)), []);
});
