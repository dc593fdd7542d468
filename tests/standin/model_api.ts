/**
 * A stand-in for api.anthropic.com, api.openai.com and chatgpt.com, since their real services need real keys.
 *
 * It proves that a real agent program, through whatever lies between, reaches a server that holds a certificate
 * for those names, with which credential, and gets its streamed answer whole. It does not prove anything about
 * the real services' checks of credentials, limits or models: it accepts every credential and records it.
 *
 *     deno run --allow-net --allow-read --allow-write tests/standin/model_api.ts --listen 0.0.0.0:443 \
 *       --ca-cert ca.pem --ca-key ca-key.pem [--record FILE] [--answer TEXT | --script FILE]
 *       [--echo-hosts NAME,…]
 */

import { zstdDecompressSync } from "node:zlib";
import { answerAnthropic } from "./anthropic.ts";
import { mintServerCert } from "./lab_tls.ts";
import { answerOpenAi } from "./openai.ts";
import { recordOf, type RequestRecord } from "./record.ts";
import { parseScript, type Script } from "./script.ts";

/** Hosts that the stand-in has a certificate for. */
export const MODEL_HOSTS: readonly string[] = [
  "api.anthropic.com",
  "api.openai.com",
  "chatgpt.com",
  "ab.chatgpt.com",
  "auth.openai.com",
];

/** What it answers when nothing else is said. */
export const DEFAULT_ANSWER = "Hello from the stand-in model.";

/** Options of {@linkcode startModelApi}. */
export interface ModelApiOptions {
  /** CA that signs its certificate, both PEM. */
  readonly ca: { readonly certPem: string; readonly keyPem: string };
  /** @default "127.0.0.1" */
  readonly hostname?: string;
  /** 0: any free port. @default 0 */
  readonly port?: number;
  /** @default one turn, {@linkcode DEFAULT_ANSWER} */
  readonly script?: Script;
  /** More hosts, which answer 200 and `echo METHOD PATH` to everything. @default none */
  readonly echoHosts?: readonly string[];
  /** Called for each request once its answer is known. */
  readonly onRequest?: (record: RequestRecord) => Promise<void> | void;
}

/** A running stand-in. */
export interface ModelApi extends AsyncDisposable {
  readonly port: number;
  /** Requests so far. */
  readonly requests: readonly RequestRecord[];
}

/** Starts the stand-in on TLS. */
export async function startModelApi(options: ModelApiOptions): Promise<ModelApi> {
  const { cert, key } = await mintServerCert(options.ca, [...MODEL_HOSTS, ...options.echoHosts ?? []]);
  const script = options.script ?? [{ text: DEFAULT_ANSWER }];
  const requests: RequestRecord[] = [];
  const server = Deno.serve({
    hostname: options.hostname ?? "127.0.0.1",
    port: options.port ?? 0,
    cert,
    key,
    onListen: () => {},
  }, async (request) => {
    const body = new Uint8Array(await request.arrayBuffer());
    const response = answer(request, body, script, options.echoHosts ?? []);
    const record = await recordOf(request, body, response.status);
    requests.push(record);
    await options.onRequest?.(record);
    return response;
  });
  return { port: server.addr.port, requests, [Symbol.asyncDispose]: () => server.shutdown() };
}

function answer(
  request: Request,
  body: Uint8Array<ArrayBuffer>,
  script: Script,
  echoHosts: readonly string[],
): Response {
  const { hostname: host, pathname } = new URL(request.url);
  if (echoHosts.includes(host)) return new Response(`echo ${request.method} ${pathname}\n`);
  if (!MODEL_HOSTS.includes(host)) return new Response("no such host here\n", { status: 421 });
  const service = host === "api.anthropic.com" ? answerAnthropic : answerOpenAi;
  try {
    const found = service(request.method, pathname, plainText(request, body), script);
    return found ??
      Response.json({ error: { type: "not_found_error", message: "not found" } }, { status: 404 });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return Response.json({ error: { type: "invalid_request_error", message } }, { status: 400 });
  }
}

/** The body as text; Codex compresses its requests. */
function plainText(request: Request, body: Uint8Array<ArrayBuffer>): string {
  const plain = request.headers.get("content-encoding") === "zstd" ? zstdDecompressSync(body) : body;
  return new TextDecoder().decode(plain);
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  const listen = /^(.*):(\d+)$/.exec(required(options, "listen"));
  if (listen === null) throw new TypeError("--listen takes ADDRESS:PORT");
  const script = options.get("script");
  const record = options.get("record");
  const encoder = new TextEncoder();
  const api = await startModelApi({
    hostname: listen[1],
    port: Number(listen[2]),
    ca: {
      certPem: await Deno.readTextFile(required(options, "ca-cert")),
      keyPem: await Deno.readTextFile(required(options, "ca-key")),
    },
    script: script === undefined
      ? [{ text: options.get("answer") ?? DEFAULT_ANSWER }]
      : parseScript(await Deno.readTextFile(script)),
    echoHosts: options.get("echo-hosts")?.split(","),
    onRequest: async (request) => {
      const line = encoder.encode(JSON.stringify(request) + "\n");
      if (record === undefined) await Deno.stdout.write(line);
      else await Deno.writeFile(record, line, { append: true });
    },
  });
  await Deno.stderr.write(encoder.encode(`stand-in model API listening on ${listen[1]}:${api.port}\n`));
}

function parseOptions(args: readonly string[]): ReadonlyMap<string, string> {
  const known = ["listen", "ca-cert", "ca-key", "record", "answer", "script", "echo-hosts"];
  const options = new Map<string, string>();
  for (let at = 0; at < args.length; at += 2) {
    const name = args[at]!.replace(/^--/, "");
    const value = args[at + 1];
    if (!known.includes(name) || value === undefined) {
      throw new TypeError(`unknown or empty option ${args[at]}`);
    }
    options.set(name, value);
  }
  return options;
}

function required(options: ReadonlyMap<string, string>, name: string): string {
  const value = options.get(name);
  if (value === undefined) throw new TypeError(`--${name} is missing`);
  return value;
}

if (import.meta.main) await main(Deno.args);
