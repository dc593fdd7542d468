/** The images, built from their Dockerfiles on the real engine, hold what they should and nothing of the operator's CA. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { buildImage } from "../../../backends/docker/engine/build.ts";
import {
  containerLogs,
  createContainer,
  type HostConfig,
  removeContainer,
  startContainer,
  waitContainer,
} from "../../../backends/docker/engine/containers.ts";
import { Engine } from "../../../backends/docker/engine/engine.ts";
import { inspectImage, listImages, removeImage } from "../../../backends/docker/engine/images.ts";
import { findSocket, hostSearch } from "../../../backends/docker/engine/socket.ts";
import { packTar } from "../../../backends/docker/engine/tar.ts";
import {
  agentContext,
  type BuildContext,
  bundleContext,
  EXTRA_CA_FILE,
  extraCaFile,
  FETCH_STAGE_LABEL,
} from "../../../images/context.ts";
import {
  AGENT_PARTS,
  BUNDLE_PARTS,
  partImage,
  type PartKind,
  PARTS,
  STAND_IN_PIPELOCK,
} from "../../../images/parts.ts";
import { hostTrustBundle, readTextIfPresent } from "../../../lib/tls/host_trust.ts";
import { mintCa } from "../../../lib/tls/ca.ts";

async function withEngine(test: (engine: Engine) => Promise<void>): Promise<void> {
  const socket = findSocket(hostSearch(Deno.env.toObject(), Deno.env.get("HOME") ?? "/"));
  await using engine = await Engine.connect(socket.path);
  await test(engine);
}

/** The images to build from: what settings name, else what set-up left, the stand-in of pipelock in the last place. */
async function partArguments(engine: Engine, kinds: readonly PartKind[]): Promise<Record<string, string>> {
  const has = async (ref: string) => await inspectImage(engine, ref) !== undefined;
  const chosen = kinds.map(async (kind): Promise<[string, string]> => {
    const { argument, local, settingKey, setting } = PARTS[kind];
    const settings = { [settingKey]: Deno.env.get(setting) || undefined };
    const { ref } = partImage(kind, settings, await has(local));
    const standIn = kind === "pipelock" && !await has(ref) && await has(STAND_IN_PIPELOCK);
    return [argument, standIn ? STAND_IN_PIPELOCK : ref];
  });
  return Object.fromEntries(await Promise.all(chosen));
}

interface Job {
  readonly context: BuildContext;
  readonly parts: readonly PartKind[];
  readonly caPem: string;
}

/** Builds an image for one test and removes it afterwards. */
async function withImage(engine: Engine, job: Job, test: (tag: string) => Promise<void>): Promise<void> {
  const tag = `bottle-test-image:${crypto.randomUUID().slice(0, 8)}`;
  const files = [...job.context.files, extraCaFile(job.caPem)];
  await buildImage(engine, {
    tag,
    dockerfile: job.context.dockerfile,
    context: packTar(files.map((file) => ({ ...file, type: "file", mode: 0o644, uid: 0, gid: 0 }))),
    buildArgs: await partArguments(engine, job.parts),
  });
  try {
    await test(tag);
  } finally {
    await removeImage(engine, tag, { force: true });
    const [label = "", value = ""] = FETCH_STAGE_LABEL.split("=");
    for (const { Id, RepoTags } of await listImages(engine, { [label]: value })) {
      if (RepoTags === null || RepoTags.every((name) => name.startsWith("<none>"))) {
        await removeImage(engine, Id);
      }
    }
  }
}

/** Runs a script in a container of the image, without a network, and gives what it wrote. */
async function inside(engine: Engine, image: string, script: string, host: HostConfig = {}): Promise<string> {
  const id = await createContainer(engine, `bottle-test-${crypto.randomUUID().slice(0, 8)}`, {
    Image: image,
    Entrypoint: ["sh", "-c"],
    Cmd: [script],
    HostConfig: { NetworkMode: "none", CapDrop: ["ALL"], ...host },
  });
  try {
    await startContainer(engine, id);
    const status = await waitContainer(engine, id, "not-running");
    const decoder = new TextDecoder();
    let text = "";
    for await (const { bytes } of containerLogs(engine, id)) text += decoder.decode(bytes);
    assertEquals(status, 0, text);
    return text;
  } finally {
    await removeContainer(engine, id);
  }
}

async function hostTrust(extraCaPem = ""): Promise<string> {
  return await hostTrustBundle({ env: Deno.env.toObject(), readText: readTextIfPresent, extraCaPem });
}

/** Which of these texts occur anywhere in the image as the engine saves it: its layers and its configuration. */
async function foundInImage(
  engine: Engine,
  tag: string,
  texts: readonly string[],
): Promise<readonly string[]> {
  const response = await engine.request("GET", `/images/${encodeURIComponent(tag)}/get`);
  const overlap = Math.max(...texts.map((text) => text.length));
  const found = new Set<string>();
  let tail = "";
  // Latin-1 keeps every byte a character, so that a text is found wherever it begins.
  const decoder = new TextDecoder("latin1");
  for await (const chunk of response.body ?? []) {
    const text = tail + decoder.decode(chunk, { stream: true });
    for (const wanted of texts) if (text.includes(wanted)) found.add(wanted);
    tail = text.slice(-overlap);
  }
  return [...found];
}

const AGENTS = [
  { name: "claude", version: /^ARG CLAUDE_CODE_VERSION=(\S+)$/m },
  { name: "codex", version: /^ARG CODEX_VERSION=(\S+)$/m },
] as const;

for (const { name, version } of AGENTS) {
  Deno.test(`the ${name} image runs its agent at the pinned version as node, with the tools around it`, () =>
    withEngine(async (engine) => {
      const context = await agentContext({ kind: "embedded", path: `Dockerfile.${name}` });
      const [dockerfile] = context.files;
      const pinned = version.exec(new TextDecoder().decode(dockerfile?.content))?.[1] ?? "no version";
      await withImage(engine, { context, parts: AGENT_PARTS, caPem: await hostTrust() }, async (tag) => {
        const said = await inside(engine, tag, `${name} --version; id; pwd; node --version`);
        assertStringIncludes(said, pinned);
        assertStringIncludes(said, "uid=1000(node) gid=1000(node)");
        assertMatch(said, /^\/home\/node$/m);
        assertMatch(said, /^v22\./m);
        await inside(
          engine,
          tag,
          "for tool in bash curl dig git openssl pip3 socat ssh; do command -v $tool; done",
        );
        await inside(engine, tag, "python3 -m venv /tmp/venv && command -v update-ca-certificates");
        const { User, Entrypoint } = (await inspectImage(engine, tag))?.Config ?? {};
        assertEquals([User, Entrypoint ?? []], ["node", []]);
        assertEquals(await inside(engine, tag, `find / -xdev -name ${EXTRA_CA_FILE} 2>/dev/null; true`), "");
      });
    }));
}

Deno.test("the bundle image runs offline on a read-only root, and no layer holds the operator's CA", () =>
  withEngine(async (engine) => {
    // Made now, so that it can be nowhere but where this build put it.
    const { certPem } = await mintCa("bottle test: operator's CA");
    const line = certPem.split("\n")[2] ?? "";
    assertEquals(line.length, 64);
    const job = { context: await bundleContext(), parts: BUNDLE_PARTS, caPem: await hostTrust(certPem) };
    assertStringIncludes(job.caPem, line);
    await withImage(engine, job, async (tag) => {
      const readOnly = { ReadonlyRootfs: true };
      const said = await inside(
        engine,
        tag,
        "deno --version; nft --version; gitleaks version; git --version; ssh -V 2>&1; command -v pipelock",
        readOnly,
      );
      assertStringIncludes(said, `deno ${PARTS.deno.version}`);
      assertMatch(said, /nftables v/);
      assertMatch(said, /^\/usr\/local\/bin\/pipelock$/m);
      const init = "deno run --cached-only --no-prompt --allow-read --allow-env /app/init.js --help";
      assertStringIncludes(await inside(engine, tag, init, readOnly), "Usage: init.ts");
      const egress = "deno run --cached-only --no-prompt --allow-all /app/egress/main.js --help";
      assertStringIncludes(await inside(engine, tag, egress, readOnly), "egress");
      // Whatever a sidecar imports is beside it, when it starts or later: there is no network to get it from.
      const imports =
        `grep -rhoE '(^import .*|^} from |import\\()"[^"]+"' /app | sed 's/.*"\\(.*\\)"/\\1/' | sort -u`;
      const imported = (await inside(engine, tag, imports, readOnly)).trim().split("\n");
      assertEquals(imported.includes("node:buffer"), true);
      assertEquals(imported.filter((name) => !/^(node:|\.\.?\/)/.test(name)), []);
      // The name of the last sidecar is there in some layer: the search does look into them.
      const texts = [line, `fetch/${EXTRA_CA_FILE}`, "Usage: init.ts"];
      assertEquals(await foundInImage(engine, tag, texts), ["Usage: init.ts"]);
    });
  }));
