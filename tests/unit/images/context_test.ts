import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  agentContext,
  type BuildContext,
  BUNDLE_LIB,
  bundleContext,
  bundleContextPaths,
  contextHash,
  extraCaFile,
} from "../../../images/context.ts";
import { OperatorError } from "../../../lib/errors.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const bytes = (text: string) => new TextEncoder().encode(text);

/** Modules of this repository that a program imports, relative to the root. */
async function modulesOf(program: string): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", program],
    cwd: ROOT,
  }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
  const graph: { modules: { specifier: string; error?: string }[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  assertEquals(graph.modules.flatMap((module) => module.error ?? []), []);
  const own = new URL(`file://${ROOT}`).href;
  return graph.modules.map(({ specifier }) => specifier).filter((specifier) => specifier.startsWith(own))
    .map((specifier) => specifier.slice(own.length));
}

async function sidecarPrograms(): Promise<string[]> {
  const programs = ["sidecars/init.ts"];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}sidecars`)) {
    if (!isDirectory) continue;
    for await (const entry of Deno.readDir(`${ROOT}sidecars/${name}`)) {
      if (/^main\.ts$|_hook\.ts$/.test(entry.name)) programs.push(`sidecars/${name}/${entry.name}`);
    }
  }
  return programs;
}

Deno.test("the bundle's context holds every module that a sidecar imports, and lists nothing in vain", async () => {
  const imported = new Set((await Promise.all((await sidecarPrograms()).map(modulesOf))).flat());
  const context = new Set(await bundleContextPaths());
  assertEquals(
    [...imported].filter((path) => !context.has(path)),
    [],
    "missing in BUNDLE_LIB of images/context.ts",
  );
  const used = (entry: string) =>
    [...imported].some((path) => path === entry || path.startsWith(entry) && entry.endsWith("/"));
  assertEquals(
    BUNDLE_LIB.filter((entry) => !used(entry)),
    [],
    "listed in BUNDLE_LIB, imported by no sidecar",
  );
});

Deno.test("the bundle's context is sorted, and holds its Dockerfile, configuration and lock file", async () => {
  const { dockerfile, files } = await bundleContext();
  const paths = files.map(({ path }) => path);
  assertEquals(paths, paths.toSorted());
  for (const path of [dockerfile, "deno.json", "deno.lock", "sidecars/init.ts"]) {
    assertEquals(paths.includes(path), true, path);
  }
});

Deno.test("an agent's context is its Dockerfile alone", async () => {
  const context = await agentContext({ kind: "embedded", path: "Dockerfile.claude" });
  assertEquals(context.files.map(({ path }) => path), [context.dockerfile]);
});

Deno.test("an operator's Dockerfile brings nothing that lies beside it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/id_ed25519`, "private");
    await Deno.writeTextFile(`${folder}/My.Dockerfile`, "FROM scratch\n");
    const context = await agentContext({ kind: "operator", path: `${folder}/My.Dockerfile` });
    assertEquals(context, {
      dockerfile: "Dockerfile",
      files: [{ path: "Dockerfile", content: bytes("FROM scratch\n") }],
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an operator's Dockerfile that is missing is named", async () => {
  const error: OperatorError = await assertRejects(
    () => agentContext({ kind: "operator", path: "/nowhere/Dockerfile" }),
    OperatorError,
  );
  assertEquals(error.line.includes("agent_provider.dockerfile /nowhere/Dockerfile"), true, error.line);
});

const CONTEXT: BuildContext = {
  dockerfile: "Dockerfile",
  files: [{ path: "Dockerfile", content: bytes("FROM x") }, { path: "a.ts", content: bytes("1") }],
};
const IMAGES = { BASE_IMAGE: "sha256:aa" };

Deno.test("contextHash: the same build has the same name, in any order and with any CA", async () => {
  const name = await contextHash(CONTEXT, { A: "1", B: "2" }, IMAGES);
  assertEquals(name.length, 64);
  const reordered = { ...CONTEXT, files: [...CONTEXT.files].reverse() };
  assertEquals(await contextHash(reordered, { B: "2", A: "1" }, IMAGES), name);
  const withCa = { ...CONTEXT, files: [...CONTEXT.files, extraCaFile("-----BEGIN CERTIFICATE-----")] };
  assertEquals(await contextHash(withCa, { A: "1", B: "2" }, IMAGES), name);
});

Deno.test("contextHash: whatever changes the image changes the name", async () => {
  const [dockerfile, module] = CONTEXT.files;
  if (dockerfile === undefined || module === undefined) throw new Error("two files");
  const original = await contextHash(CONTEXT, {}, IMAGES);
  const others: Record<string, Promise<string>> = {
    content: contextHash({ ...CONTEXT, files: [dockerfile, { ...module, content: bytes("2") }] }, {}, IMAGES),
    path: contextHash({ ...CONTEXT, files: [dockerfile, { ...module, path: "b.ts" }] }, {}, IMAGES),
    dockerfile: contextHash({ ...CONTEXT, dockerfile: "a.ts" }, {}, IMAGES),
    file: contextHash({ ...CONTEXT, files: [dockerfile] }, {}, IMAGES),
    argument: contextHash(CONTEXT, { A: "1" }, IMAGES),
    image: contextHash(CONTEXT, {}, { BASE_IMAGE: "sha256:bb" }),
    "argument in place of image": contextHash(CONTEXT, IMAGES, {}),
  };
  for (const [what, hash] of Object.entries(others)) assertNotEquals(await hash, original, what);
});
