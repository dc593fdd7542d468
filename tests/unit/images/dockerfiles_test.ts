import { assertEquals, assertStringIncludes } from "@std/assert";
import { EXTRA_CA_FILE, FETCH_STAGE_LABEL } from "../../../images/context.ts";
import { AGENT_PARTS, BUNDLE_PARTS, PARTS } from "../../../images/parts.ts";
import { DAEMONS } from "../../../lib/bundle/daemons.ts";
import { INIT_COMMAND } from "../../../lib/bundle/spec.ts";

const NAMES = ["claude", "codex", "bundle"] as const;
type Name = typeof NAMES[number];

async function read(name: Name): Promise<string> {
  return await Deno.readTextFile(new URL(`../../../images/Dockerfile.${name}`, import.meta.url));
}

/** Instructions, one a line: comments gone, continued lines joined. */
function instructions(text: string): string[] {
  const code = text.split("\n").filter((line) => !line.startsWith("#")).join("\n");
  return code.replace(/\\\n\s*/g, "").split("\n").filter((line) => line !== "");
}

/** Instructions by stage; the last one is the image. */
function stages(text: string): string[][] {
  const result: string[][] = [];
  for (const line of instructions(text)) {
    if (line.startsWith("FROM ")) result.push([line]);
    else result.at(-1)?.push(line);
  }
  return result;
}

Deno.test("every Dockerfile takes exactly its parts as arguments, without a default", async () => {
  for (const name of NAMES) {
    const kinds = name === "bundle" ? BUNDLE_PARTS : AGENT_PARTS;
    const beforeFirstStage = instructions(await read(name)).filter((line) => /^ARG [A-Z]+_IMAGE/.test(line));
    assertEquals(beforeFirstStage, kinds.map((kind) => `ARG ${PARTS[kind].argument}`));
  }
});

Deno.test("the operator's CA is copied in the fetch stage alone", async () => {
  for (const name of NAMES) {
    const withCa = stages(await read(name)).filter((stage) =>
      stage.some((line) => line.includes(EXTRA_CA_FILE))
    );
    assertEquals(withCa.map(([from]) => from), ["FROM ${BASE_IMAGE} AS fetch"]);
    assertEquals(withCa[0]?.includes(`LABEL ${FETCH_STAGE_LABEL}`), true);
  }
});

Deno.test("the image takes from the fetch stage only what was fetched, never /fetch itself", async () => {
  for (const name of NAMES) {
    const image = stages(await read(name)).at(-1) ?? [];
    const copies = image.filter((line) => line.startsWith("COPY "));
    const allowed = /^COPY --from=(fetch \/fetch\/out\/|deno |gitleaks |pipelock )/;
    assertEquals(copies.filter((line) => !allowed.test(line)), []);
  }
});

Deno.test("builds work on the classic builder: no mounts, no heredocs", async () => {
  for (const name of NAMES) {
    const lines = instructions(await read(name));
    assertEquals(lines.filter((line) => /--mount|--link|--chmod|<</.test(line)), []);
  }
});

Deno.test("agent images share their package layer", async () => {
  const layers = await Promise.all(
    (["claude", "codex"] as const).map(async (name) => stages(await read(name)).at(-1)?.slice(0, 2)),
  );
  assertEquals(layers[0], layers[1]);
  assertStringIncludes(layers[0]?.[1] ?? "", "apt-get install");
});

Deno.test("agent images bring what every agent needs, and run as node", async () => {
  const needed =
    "bash ca-certificates curl dnsutils git openssh-client openssl procps python3 python3-pip python3-venv socat";
  for (const name of ["claude", "codex"] as const) {
    const image = stages(await read(name)).at(-1) ?? [];
    assertStringIncludes(image[1] ?? "", needed);
    assertEquals(image.includes("USER node"), true);
  }
});

Deno.test("the bundle starts init with the command of its specification", async () => {
  const entry = instructions(await read("bundle")).find((line) => line.startsWith("ENTRYPOINT "));
  assertEquals(JSON.parse(entry?.slice("ENTRYPOINT ".length) ?? "null"), [...INIT_COMMAND]);
});

Deno.test("the bundle has a user for each daemon", async () => {
  const text = await read("bundle");
  for (const { uid } of Object.values(DAEMONS)) assertStringIncludes(text, `:${uid}`);
});
