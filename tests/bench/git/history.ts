/** Made-up commits, the same in every run: `git fast-import` writes thousands a second. */

/** What is to be written. */
export interface HistoryOptions {
  /** Full name of the branch. */
  readonly ref: string;
  /** Commit that it begins at; absent: none. */
  readonly from?: string;
  readonly commits: number;
  /** What makes these commits other ones than those of another seed, and later ones than those of a lower seed. */
  readonly seed: number;
}

/** Files that the commits go round. */
const FILES = 400;
const FOLDERS = 20;
const LINES = 30;

/** Seconds since the epoch before the first commit, and between the first commits of two seeds: git goes by dates. */
const BEGAN = 1_500_000_000;
const APART = 1_000_000;

/** Nothing in here is what a scanner looks for. */
const WORDS = ("anchor basin candle drift ember fathom gravel harbor island jetty keel lagoon marina north " +
  "outer pilot quay reef sand tide upper vessel wharf yard zone").split(" ");

/** Writes commits into a repository, each with one file of 30 lines written anew. Gives the last one. */
export async function writeHistory(folder: string, options: HistoryOptions): Promise<string> {
  await git(folder, ["fast-import", "--quiet", "--force"], ReadableStream.from(stream(options)));
  return (await git(folder, ["rev-parse", options.ref])).trim();
}

/** The input of fast-import, in pieces of some size. */
function* stream({ ref, from, commits, seed }: HistoryOptions): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const random = generator(seed);
  let piece = "";
  for (let index = 0; index < commits; index++) {
    const message = `change ${index} of ${seed}: ${words(random, 6)}\n`;
    const file = Math.floor(random() * FILES);
    const text = fileText(random, seed, index);
    piece += `commit ${ref}\ncommitter Bench <bench@lab.example> ${BEGAN + seed * APART + index} +0000\n` +
      `data ${message.length}\n${message}` +
      (index === 0 && from !== undefined ? `from ${from}\n` : "") +
      `M 100644 inline src/${WORDS[file % FOLDERS]}/part${file}.ts\ndata ${text.length}\n${text}\n`;
    if (piece.length < 256 * 1024) continue;
    yield encoder.encode(piece);
    piece = "";
  }
  yield encoder.encode(piece);
}

function fileText(random: () => number, seed: number, index: number): string {
  let text = `// ${seed}.${index}\n`;
  for (let line = 1; line < LINES; line++) {
    const [a, b, c] = words(random, 3).split(" ");
    text += `  const ${a} = ${b}(${c}, ${Math.floor(random() * 1000)});\n`;
  }
  return text;
}

function words(random: () => number, count: number): string {
  return Array.from({ length: count }, () => WORDS[Math.floor(random() * WORDS.length)]).join(" ");
}

/** Numbers from 0 to 1 by a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function git(
  folder: string,
  args: readonly string[],
  input?: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<string> {
  const child = new Deno.Command("git", {
    args: ["-C", folder, ...args],
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const [{ success, stdout }] = await Promise.all([child.output(), input?.pipeTo(child.stdin)]);
  if (!success) throw new Error(`git ${args[0]} failed`);
  return new TextDecoder().decode(stdout);
}
