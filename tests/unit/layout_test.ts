/** The import directions of the repository: arrows run down only. Read from the sources, so that nobody has to remember. */

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

/** A rule: files below `from` import no file of the repository but those that `may` allows. */
interface Rule {
  readonly from: RegExp;
  readonly may: RegExp;
  readonly why: string;
}

const RULES: readonly Rule[] = [
  { from: /^lib\//, may: /^lib\//, why: "lib imports nothing outside lib" },
  {
    from: /^backends\//,
    may: /^(lib|backends)\/|^images\/(context|parts)\.ts$/,
    why: "a backend imports lib, backends, and the list of what images are made from",
  },
  { from: /^images\/(context|parts)\.ts$/, may: /^lib\//, why: "the image list stands on lib alone" },
  { from: /^sidecars\//, may: /^(lib|sidecars)\//, why: "a sidecar imports lib and sidecars only" },
  {
    from: /^main\.ts$/,
    may: /^(lib\/cli\/|backends\/|deno\.json$)/,
    why: "main.ts composes the command line and the backends, and nothing else",
  },
  {
    from: /^lib\/(?!cli\/|dashboard\/)/,
    may: /^lib\/(?!cli\/|dashboard\/)/,
    why: "the command line and the dashboard are on top: nothing below imports them",
  },
  {
    from: /^lib\/dashboard\//,
    may: /^lib\/(?!cli\/)/,
    why: "the dashboard does not go through the command line",
  },
  {
    from: /^lib\/(errors|escape|secret)\.ts$/,
    may: /^lib\/(errors|escape|secret)\.ts$/,
    why: "the ground imports nothing above it",
  },
  {
    from: /^lib\/(net|text|tls)\//,
    may: /^lib\/((net|text|tls)\/|(errors|escape|secret)\.ts$)/,
    why: "the ground imports nothing above it",
  },
  {
    from: /^(backends|lib)\//,
    may: /^(?!sidecars\/)/,
    why: "a sidecar is a program: the host sends it, and never imports it",
  },
];

/** Packages that only some rooms may use. */
const PACKAGES: readonly { readonly name: RegExp; readonly only: RegExp; readonly why: string }[] = [
  {
    name: /^(commander|@commander-js\/.*|@clack\/.*|@std\/cli\/.*|ink|react)$/,
    only: /^(lib\/cli|lib\/dashboard)\//,
    why: "terminals are the matter of lib/cli and lib/dashboard",
  },
];

/** What only some rooms may say. */
const WORDS: readonly { readonly word: RegExp; readonly allowed: RegExp; readonly why: string }[] = [
  {
    word: /\bDeno\.(stdin|stdout|stderr|consoleSize|addSignalListener|exit)\b/,
    allowed: /^lib\/(cli|dashboard)\//,
    why: "lib has no terminal outside lib/cli and lib/dashboard",
  },
  {
    // The choice of a provider is made in one place; a schema's or a document's word about one is no choice.
    word: /(===|!==|case)\s*["'](claude|codex)["']/,
    allowed: /^lib\/providers\//,
    why: "no provider is tested by name outside lib/providers",
  },
  {
    word: /(===|!==|case)\s*["'](docker|smolmachines)["']/,
    allowed: /^$/,
    why: "lib tests for no backend by name",
  },
];

async function sources(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const walk = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
      const path = `${folder}${entry.name}`;
      if (entry.isDirectory) await walk(`${path}/`);
      else if (/\.tsx?$/.test(entry.name)) found.set(path, await Deno.readTextFile(new URL(path, ROOT)));
    }
  };
  for (const folder of ["lib/", "backends/", "sidecars/"]) await walk(folder);
  found.set("main.ts", await Deno.readTextFile(new URL("main.ts", ROOT)));
  return found;
}

/** The code without its comments, so that an example in one is no import. Strings are kept. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\/\*[\s\S]*?\*\/|(^|\s)\/\/[^\n]*/g,
    (_, string: string | undefined, space: string | undefined) => string ?? space ?? "",
  );
}

/** Every module that the text imports, statically, as a type, or when it runs. */
function importsOf(text: string): readonly string[] {
  const code = withoutComments(text);
  const patterns = [
    /\b(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']/g,
    /\bimport\s*["']([^"']+)["']/g,
    /\bimport\(\s*["']([^"']+)["']/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]!));
}

/** Path of a relative import in the repository; undefined for a package. */
function resolve(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, new URL(from, ROOT)).href.slice(ROOT.href.length);
}

Deno.test("import directions", async () => {
  const broken: string[] = [];
  let count = 0;
  for (const [file, text] of await sources()) {
    for (const specifier of importsOf(text)) {
      const target = resolve(file, specifier);
      count++;
      if (target === undefined) {
        const rule = PACKAGES.find(({ name, only }) => name.test(specifier) && !only.test(file));
        if (rule !== undefined) broken.push(`${file} imports ${specifier}: ${rule.why}`);
        continue;
      }
      for (const { from, may, why } of RULES) {
        if (from.test(file) && !may.test(target)) broken.push(`${file} imports ${target}: ${why}`);
      }
    }
  }
  assertEquals(broken, []);
  assert(count > 50, `only ${count} imports were found: the reading of sources is broken`);
});

Deno.test("rooms keep to their matter", async () => {
  const broken: string[] = [];
  for (const [file, text] of await sources()) {
    if (!file.startsWith("lib/")) continue;
    const code = withoutComments(text);
    for (const { word, allowed, why } of WORDS) {
      const said = word.exec(code)?.[0];
      if (said !== undefined && !allowed.test(file)) broken.push(`${file} says ${said}: ${why}`);
    }
  }
  assertEquals(broken, []);
});

Deno.test("no import cycles between modules, types aside", async () => {
  const graph = new Map<string, readonly string[]>();
  for (const [file, text] of await sources()) {
    const code = withoutComments(text).replace(
      /\b(?:import|export)\s+type\b[^"';]*?\bfrom\s*["'][^"']+["']/g,
      "",
    );
    graph.set(file, importsOf(code).flatMap((specifier) => resolve(file, specifier) ?? []));
  }
  const done = new Set<string>();
  const cycle = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const found = cycle(next, [...path, file]);
      if (found !== undefined) return found;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) assertEquals(cycle(file, [])?.join(" → "), undefined);
});

// What the command line needs before it knows the command: `--help` must stay fast.
Deno.test("the command tree loads no schema, no YAML and no action before it is asked to run one", async () => {
  const files = await sources();
  const loaded = new Set<string>();
  const packages = new Set<string>();
  const load = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    const code = withoutComments(files.get(file) ?? "")
      .replace(/\bimport\s+type\b[^"';]*?\bfrom\s*["'][^"']+["']/g, "")
      .replace(/\bimport\(\s*["'][^"']+["']/g, "");
    for (const specifier of importsOf(code)) {
      const target = resolve(file, specifier);
      if (target === undefined) packages.add(specifier);
      else load(target);
    }
  };
  load("main.ts");
  assertEquals([...packages], ["@commander-js/extra-typings"]);
  assertEquals([...loaded].filter((file) => file.startsWith("backends/")), []);
  assertEquals([...loaded].filter((file) => file.startsWith("lib/manifest/")), []);
});

Deno.test("the reading of imports sees every form and no comment", () => {
  const text = `
    import { a } from "./a.ts";
    import type { B } from './b.ts';
    import "./c.ts";
    export { d } from "./d.ts";
    export * from "./e.ts";
    const f = await import("./f.ts");
    type G = import("./g.ts").G;
    import {
      h,
    } from "./h.ts";
    // import "./no.ts";
    /* import "./no.ts"; */
    const url = "https://example.com"; import "./i.ts";
  `;
  assertEquals(importsOf(text).toSorted(), "abcdefghi".split("").map((name) => `./${name}.ts`));
});
