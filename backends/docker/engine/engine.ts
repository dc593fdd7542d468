/**
 * The engine's HTTP API over its unix socket.
 *
 * `fetch` carries ordinary requests: its host name `docker` is made up, so the program needs no network permission
 * but that name. What takes the connection over (attach, exec) goes through {@linkcode Engine.hijack}.
 */

import { OperatorError } from "../../../lib/errors.ts";
import { escapeUntrusted } from "../../../lib/escape.ts";
import { dial, EngineError, messageIn } from "./errors.ts";
import { hijackOn, type RawStream } from "./raw_stream.ts";

/** Oldest API that bottle speaks: engine 20.10. */
export const MIN_API = "1.41";
/** Newest API that bottle knows; an engine that offers more is asked for this one. */
export const MAX_API = "1.51";

const ORIGIN = "http://docker";
const PING_SECONDS = 10;

/** Values of a query; undefined ones are left out, arrays and objects are sent as JSON. */
export type Query = Readonly<Record<string, string | number | boolean | object | undefined>>;

/** A request's parts. */
export interface RequestInit {
  /** Names that come more than once need `URLSearchParams`. */
  readonly query?: Query | URLSearchParams;
  /** Body sent as JSON. Excludes `body`. */
  readonly json?: unknown;
  /** Body sent as it is, streamed. */
  readonly body?: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A connected engine. */
export class Engine implements AsyncDisposable {
  /** Absolute path of the socket. */
  readonly socketPath: string;
  /** API version spoken, e.g. `1.41`. */
  readonly apiVersion: string;
  readonly #client: Deno.HttpClient;

  private constructor(socketPath: string, apiVersion: string, client: Deno.HttpClient) {
    this.socketPath = socketPath;
    this.apiVersion = apiVersion;
    this.#client = client;
  }

  /**
   * Connects to a socket and agrees on an API version.
   *
   * @throws {OperatorError} not running, not permitted, too old, or something else answers there
   */
  static async connect(socketPath: string, signal?: AbortSignal): Promise<Engine> {
    (await dial(socketPath)).destroy(); // says precisely why it cannot, which fetch does not
    const client = Deno.createHttpClient({ proxy: { transport: "unix", path: socketPath } });
    try {
      const offered = await ping(client, socketPath, signal);
      return new Engine(socketPath, agreedVersion(offered, socketPath), client);
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Whether the engine speaks at least this API version. */
  supports(version: string): boolean {
    return compareVersions(this.apiVersion, version) >= 0;
  }

  /**
   * Sends a request; the answer's body is the caller's to consume.
   *
   * @throws {EngineError} the engine refused
   * @throws {OperatorError} the engine does not answer any more
   */
  async request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (init.json !== undefined) headers.set("content-type", "application/json");
    const upload = init.body instanceof ReadableStream ? new Upload(init.body) : undefined;
    let response: Response;
    try {
      response = await fetch(`${ORIGIN}/v${this.apiVersion}${path}${queryString(init.query)}`, {
        method,
        headers,
        body: init.json === undefined ? upload?.stream ?? init.body : JSON.stringify(init.json),
        signal: init.signal,
        redirect: "manual",
        client: this.#client,
      });
    } catch (error) {
      init.signal?.throwIfAborted();
      if (upload?.failed) throw upload.reason;
      throw await this.#lost(`${method} ${path}`, error);
    }
    if (response.body === null && response.status < 400) return response;
    // Headers come early and the rest much later (wait, logs, build): the engine may die in between.
    const body = response.body && this.#watched(response.body, `${method} ${path}`, init.signal);
    const { status, headers: answered } = response;
    if (status >= 400) {
      throw new EngineError(status, messageIn(await new Response(body).text()), `${method} ${path}`);
    }
    return new Response(body, { status, headers: answered });
  }

  /** Sends a request and parses the answer. The shape is the engine's documented one. */
  async json<T>(method: string, path: string, init: RequestInit = {}): Promise<T> {
    const response = await this.request(method, path, init);
    return await response.json() as T;
  }

  /** Sends a request, drops the answer's body and gives its status. */
  async send(method: string, path: string, init: RequestInit = {}): Promise<number> {
    const response = await this.request(method, path, init);
    await response.arrayBuffer();
    return response.status;
  }

  /**
   * Sends a request whose connection then becomes a raw byte stream.
   *
   * @throws {EngineError} the engine refused
   * @throws {OperatorError} the engine does not answer
   */
  async hijack(path: string, init: Pick<RequestInit, "query" | "json" | "signal"> = {}): Promise<RawStream> {
    init.signal?.throwIfAborted();
    const socket = await dial(this.socketPath);
    return await hijackOn(socket, {
      target: `/v${this.apiVersion}${path}${queryString(init.query)}`,
      path,
      body: init.json === undefined ? "" : JSON.stringify(init.json),
      signal: init.signal,
    });
  }

  /** Closes the idle connections. */
  close(): void {
    this.#client.close();
  }

  /** {@linkcode close} */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #watched(
    body: ReadableStream<Uint8Array<ArrayBuffer>>,
    request: string,
    signal?: AbortSignal,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const reader = body.getReader();
    return new ReadableStream({
      pull: async (controller) => {
        try {
          const { value, done } = await reader.read();
          done ? controller.close() : controller.enqueue(value);
        } catch (error) {
          signal?.throwIfAborted();
          throw await this.#lost(request, error);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
  }

  /** Finds out why a request failed below HTTP. */
  async #lost(request: string, cause: unknown): Promise<unknown> {
    if (!(cause instanceof TypeError) && !(cause instanceof Deno.errors.Http)) return cause;
    try {
      (await dial(this.socketPath)).destroy();
    } catch (error) {
      return error;
    }
    return new OperatorError(`the docker engine broke off ${request}`, {
      mend: "see the engine's log",
      cause,
    });
  }
}

/** A body on its way up that remembers its own failure: fetch reports that as a network error. */
class Upload {
  readonly stream: ReadableStream<Uint8Array>;
  failed = false;
  reason: unknown;

  constructor(source: ReadableStream<Uint8Array>) {
    const reader = source.getReader();
    this.stream = new ReadableStream({
      pull: async (controller) => {
        try {
          const { value, done } = await reader.read();
          done ? controller.close() : controller.enqueue(value);
        } catch (error) {
          this.failed = true;
          this.reason = error;
          controller.error(error);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
  }
}

async function ping(client: Deno.HttpClient, socketPath: string, signal?: AbortSignal): Promise<string> {
  const at = escapeUntrusted(socketPath);
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PING_SECONDS * 1000);
  const both = signal === undefined ? patience.signal : AbortSignal.any([signal, patience.signal]);
  try {
    const response = await fetch(`${ORIGIN}/_ping`, { client, signal: both, redirect: "manual" });
    await response.body?.cancel();
    const offered = response.headers.get("api-version");
    if (response.ok && offered !== null && /^\d+\.\d+$/.test(offered)) return offered;
    throw new OperatorError(`what answers at ${at} is not a docker engine`, {
      mend: "set DOCKER_HOST to the engine's socket",
    });
  } catch (cause) {
    signal?.throwIfAborted();
    if (patience.signal.aborted) {
      throw new OperatorError(`the docker engine at ${at} did not answer within ${PING_SECONDS} s`, {
        mend: "see the engine's log",
        cause,
      });
    }
    if (!(cause instanceof TypeError)) throw cause;
    throw new OperatorError(`what answers at ${at} is not a docker engine`, {
      mend: "set DOCKER_HOST to the engine's socket",
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

function agreedVersion(offered: string, socketPath: string): string {
  if (compareVersions(offered, MIN_API) < 0) {
    throw new OperatorError(
      `the docker engine at ${escapeUntrusted(socketPath)} is too old: it speaks API ${offered}, ` +
        `bottle needs ${MIN_API} (engine 20.10)`,
      { mend: "upgrade the engine" },
    );
  }
  return compareVersions(offered, MAX_API) > 0 ? MAX_API : offered;
}

/** Compares `major.minor` versions: negative when `a` is older. */
export function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}

function queryString(query: Query | URLSearchParams = {}): string {
  const params = query instanceof URLSearchParams ? query : asParams(query);
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

function asParams(query: Query): URLSearchParams {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    params.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return params;
}
