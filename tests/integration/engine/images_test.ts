import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { BuildError, buildImage } from "../../../backends/docker/engine/build.ts";
import {
  type ContainerSummary,
  startContainer,
  waitContainer,
} from "../../../backends/docker/engine/containers.ts";
import { EngineError } from "../../../backends/docker/engine/errors.ts";
import {
  importImage,
  inspectImage,
  listImages,
  removeImage,
  tagImage,
} from "../../../backends/docker/engine/images.ts";
import { packTar, type TarEntry } from "../../../backends/docker/engine/tar.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { TEST_LABEL } from "../../support/tiny_image.ts";
import { type Ground, onEngine } from "./fixture.ts";

Deno.test("an imported image has its label and command, is found by label, tagged, untagged, removed", async () => {
  await onEngine(async ({ engine, image, labels, run }) => {
    const info = await inspectImage(engine, image.tag);
    assertEquals([info?.Id, info?.Config.Cmd, info?.Config.Labels], [image.id, ["sh"], labels]);
    await tagImage(engine, image.tag, { repo: "bottle-test/other", tag: run });
    assertEquals((await listImages(engine, labels))[0]?.RepoTags?.toSorted(), [
      `bottle-test/other:${run}`,
      image.tag,
    ]);
    await removeImage(engine, `bottle-test/other:${run}`);
    await removeImage(engine, image.tag);
    await removeImage(engine, image.tag);
    assertEquals(await inspectImage(engine, image.tag), undefined);
    assertEquals(await listImages(engine, labels), []);
    const absent = tagImage(engine, image.tag, { repo: "bottle-test/x", tag: run });
    assertEquals((await assertRejects(() => absent, EngineError)).status, 404);
  });
});

Deno.test("an import of what is no tar is one error, and leaves nothing", async () => {
  await onEngine(async ({ engine, run, labels }) => {
    const junk = new Blob([new Uint8Array(4096).fill(65)]).stream();
    const reference = { repo: "bottle-test/junk", tag: run };
    const change = `LABEL ${TEST_LABEL}=${run}`;
    const error = await importImage(engine, junk, reference, [change]).then(
      () => undefined,
      (error) => error,
    );
    assert(error instanceof OperatorError || error instanceof EngineError, String(error));
    assertEquals(await inspectImage(engine, `bottle-test/junk:${run}`), undefined);
    assertEquals((await listImages(engine, labels)).length, 1); // the tiny image
  });
});

Deno.test("a build copies its context, runs its steps, tells its lines, and its image runs", async () => {
  await onEngine(async ({ engine, image, labels, run, create }) => {
    const tag = `bottle-test/built:${run}`;
    const lines: string[] = [];
    const id = await buildImage(engine, {
      tag,
      labels,
      dockerfile: "docker/File",
      buildArgs: { BASE: image.tag, GREETING: "hello world" },
      context: packTar([
        text(
          "docker/File",
          "ARG BASE\nFROM $BASE\nARG GREETING\nCOPY --chown=node:node data /data\n" +
            'RUN printf "\\033[31mred $GREETING\\033[0m\\n" && echo "$GREETING" > /greeting\nCMD cat /greeting /data/a\n',
        ),
        text("data/a", "content\n"),
      ]),
      onLine: (line) => lines.push(line),
    });
    assertEquals((await inspectImage(engine, tag))?.Id, id);
    assert(lines.includes("red hello world"), lines.join("\n"));
    assertMatch(lines[0]!, /^Step 1\/7 : ARG BASE$/);
    const container = await create({ Image: tag });
    await startContainer(engine, container);
    assertEquals(await waitContainer(engine, container, "not-running"), 0);
  });
});

Deno.test("a second build of the same context comes from the cache, to the same image", async () => {
  await onEngine(async ({ engine, image, labels, run }) => {
    const build = (lines: string[]) =>
      buildImage(engine, {
        tag: `bottle-test/cached:${run}`,
        labels,
        context: packTar([
          text("Dockerfile", `FROM ${image.tag}\nCOPY a /a\nRUN echo ${run}\n`),
          text("a", "a"),
        ]),
        onLine: (line) => lines.push(line),
      });
    const again: string[] = [];
    assertEquals(await build([]), await build(again));
    assert(again.includes(" ---> Using cache"));
    assert(!again.some((line) => line.includes("Running in")));
  });
});

Deno.test("a failing step is one error with the last lines, escaped, and leaves nothing of the build", async () => {
  await onEngine(async (ground) => {
    const { engine, image, run, labels } = ground;
    const tag = `bottle-test/failing:${run}`;
    const script =
      'i=0; while [ $i -lt 40 ]; do echo "line $i"; i=$((i+1)); done; printf "bell\\007\\n" >&2; exit 9';
    const lines: string[] = [];
    const building = buildImage(engine, {
      tag,
      labels,
      context: packTar([text("Dockerfile", `FROM ${image.tag}\nRUN echo made > /made\nRUN ${script}\n`)]),
      onLine: (line) => lines.push(line),
    });
    const error: BuildError = await assertRejects(() => building, BuildError);
    assertStringIncludes(error.message, `building image ${tag} failed`);
    assertStringIncludes(error.message, "returned a non-zero code: 9");
    assert(!error.line.includes("\n"));
    assertEquals(error.lastLines.length, 20);
    assert(error.lastLines.includes("line 39"));
    // Standard error of a step may overtake its output.
    assert(lines.some((line) => line.includes("bell\\u{07}")), lines.join("\n"));
    await assertNothingLeft(ground, lines);
    assertEquals(await inspectImage(engine, tag), undefined);
  });
});

Deno.test("a build that cannot begin is a BuildError: bad instruction, no Dockerfile, absent base", async () => {
  await onEngine(async ({ engine, run, image }) => {
    const cases: readonly [TarEntry, RegExp][] = [
      [text("Dockerfile", `FROM ${image.tag}\nFRAM x\n`), /unknown instruction: FRAM/],
      [text("Elsewhere", `FROM ${image.tag}\n`), /Dockerfile/],
      [text("Dockerfile", `FROM ${image.tag}\nCOPY absent /\n`), /COPY failed/],
    ];
    for (const [entry, message] of cases) {
      const building = buildImage(engine, { tag: `bottle-test/no:${run}`, context: packTar([entry]) });
      assertMatch((await assertRejects(() => building, BuildError)).message, message);
    }
  });
});

Deno.test("an aborted build throws the reason and leaves no container and no image", async () => {
  await onEngine(async (ground) => {
    const { engine, image, run, labels } = ground;
    const stop = new AbortController();
    const lines: string[] = [];
    const building = buildImage(engine, {
      tag: `bottle-test/aborted:${run}`,
      labels,
      context: packTar([
        text("Dockerfile", `FROM ${image.tag}\nRUN echo made > /made\nRUN echo begun && sleep 60\n`),
      ]),
      onLine: (line) => {
        lines.push(line);
        if (line === "begun") stop.abort(new Error("enough"));
      },
      signal: stop.signal,
    });
    await assertRejects(() => building, Error, "enough");
    assertEquals(lines.filter((line) => line.includes("Running in")).length, 2);
    await assertNothingLeft(ground, lines);
  });
});

Deno.test("a failed build takes nothing that was there before, whatever its steps print", async () => {
  await onEngine(async (ground) => {
    const { engine, image, labels, run } = ground;
    const base = text("Dockerfile", `FROM ${image.tag}\nRUN echo base\n`);
    const made: string[] = [];
    await buildImage(engine, {
      tag: `bottle-test/base:${run}`,
      labels,
      context: packTar([base]),
      onLine: (line) => made.push(line),
    });
    // The untagged layer of an earlier build: just what a step that prints ids would like to have removed.
    const layer = made.filter((line) => /^ ---> [0-9a-f]{12}$/.test(line))[1]!.slice(6);
    const bystander = await ground.idle();
    const forged = `echo ' ---> ${layer}'; echo ' ---> Running in ${bystander.slice(0, 12)}'; exit 1`;
    const building = buildImage(engine, {
      tag: `bottle-test/forged:${run}`,
      context: packTar([text("Dockerfile", `FROM ${image.tag}\nRUN ${forged}\n`)]),
    });
    await assertRejects(() => building, BuildError);
    assert(await inspectImage(engine, layer) !== undefined);
    assert(
      (await engine.json<ContainerSummary[]>("GET", "/containers/json")).some(({ Id }) => Id === bystander),
    );
  });
});

Deno.test("a context that cannot be read fails the build with its own reason", async () => {
  await onEngine(async ({ engine, run }) => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/file`, "x");
      const context = packTar([{ type: "folder", from: `${folder}/file`, path: "", uid: 0, gid: 0 }]);
      const building = buildImage(engine, { tag: `bottle-test/x:${run}`, context });
      await assertRejects(() => building, OperatorError, "is not a folder");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

function text(path: string, content: string): TarEntry {
  return { type: "file", path, mode: 0o644, uid: 0, gid: 0, content };
}

/** No container and no image that the builder's text named exists, but the base. */
async function assertNothingLeft({ engine, image }: Ground, lines: readonly string[]): Promise<void> {
  const containers = await engine.json<ContainerSummary[]>("GET", "/containers/json", {
    query: { all: true },
  });
  for (const line of lines) {
    const id = /^ ---> (?:Running in )?([0-9a-f]{12})$/.exec(line)?.[1];
    if (id === undefined || image.id.includes(id)) continue;
    assert(!containers.some(({ Id }) => Id.startsWith(id)), `container ${id} was left`);
    assertEquals(await inspectImage(engine, id), undefined, `image ${id} was left`);
  }
}
