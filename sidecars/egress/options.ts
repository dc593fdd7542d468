/** The command line of egress. */

import { parseArgs } from "node:util";
import { BUNDLE_PATHS, DAEMONS } from "../../lib/bundle/daemons.ts";
import { OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";

/** Files of a CA. */
export interface CaFiles {
  readonly cert: string;
  readonly key: string;
  /** Make both when neither is there. */
  readonly make: boolean;
}

/** What egress is started with. */
export interface Options {
  readonly routes: string;
  /** The CA that signs the leaves, PEM. */
  readonly ca: CaFiles;
  readonly listen: { readonly hostname: string; readonly port: number };
  /** Undefined: hosts are dialled directly. */
  readonly upstreamProxy: { readonly hostname: string; readonly port: number } | undefined;
  /** File of certificates trusted upstream besides the system's. */
  readonly upstreamCa: string | undefined;
  /** Protocols offered to clients inside TLS, the preferred one first. */
  readonly protocols: readonly string[];
  readonly help: boolean;
}

/** HTTP/1.1 first: it passes exactly as it was written, and several times as fast. */
const PROTOCOLS: readonly string[] = ["http/1.1", "h2"];

/** The text of `--help`. */
export const HELP = `egress: the forward proxy of a bottle

  deno task egress [OPTIONS]
  deno run --allow-net --allow-read '--allow-env=EGRESS_TOKEN_*' sidecars/egress/main.ts [OPTIONS]

  --routes FILE         routes.yaml                        (${BUNDLE_PATHS.routes})
  --ca-cert FILE        CA that signs the leaves, PEM      (${BUNDLE_PATHS.egressCaCert})
  --ca-key FILE         its key, PEM                       (${BUNDLE_PATHS.egressCaKey})
  --ca DIR              instead of these two: ca.pem and ca-key.pem in a folder, made there if it has neither
  --listen [HOST:]PORT  where agents connect               (0.0.0.0:${DAEMONS.egress.port})
  --upstream-proxy URL  next proxy, http://HOST:PORT; without it hosts are dialled directly (for debugging)
  --upstream-ca FILE    PEM trusted upstream besides the system's certificates
  --protocols LIST      what clients are offered inside TLS, the preferred one first (${PROTOCOLS.join()})

Credentials are read from EGRESS_TOKEN_0, EGRESS_TOKEN_1, ... once, at the start.
SIGHUP reloads the routes; a file that is not valid leaves the last good routes in force.

Try it on a laptop, without a next proxy:

  printf 'routes:\\n  - host: example.com\\n' > /tmp/routes.yaml
  deno task egress --routes /tmp/routes.yaml --ca /tmp/egress-ca --listen 127.0.0.1:9099
  curl --proxy http://127.0.0.1:9099 --cacert /tmp/egress-ca/ca.pem https://example.com/
  curl --proxy http://127.0.0.1:9099 http://_egress.local/routes
`;

/** Reads the command line. @throws {OperatorError} a usage error, status 2 */
export function parseOptions(args: readonly string[]): Options {
  const values = parse(args);
  const proxy = values["upstream-proxy"];
  return {
    routes: values.routes,
    ca: caFiles(values),
    listen: parseListen(values.listen),
    upstreamProxy: proxy === undefined ? undefined : parseProxy(proxy),
    upstreamCa: values["upstream-ca"],
    protocols: parseProtocols(values.protocols),
    help: values.help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        routes: { type: "string", default: BUNDLE_PATHS.routes },
        "ca-cert": { type: "string" },
        "ca-key": { type: "string" },
        ca: { type: "string" },
        listen: { type: "string", default: `0.0.0.0:${DAEMONS.egress.port}` },
        "upstream-proxy": { type: "string" },
        "upstream-ca": { type: "string" },
        protocols: { type: "string", default: PROTOCOLS.join() },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new OperatorError(escapeUntrusted(what), { mend: "see --help", status: 2, cause });
  }
}

function caFiles(values: { "ca-cert"?: string; "ca-key"?: string; ca?: string }): CaFiles {
  const { ca, "ca-cert": cert, "ca-key": key } = values;
  if (ca === undefined) {
    return { cert: cert ?? BUNDLE_PATHS.egressCaCert, key: key ?? BUNDLE_PATHS.egressCaKey, make: false };
  }
  if (cert !== undefined || key !== undefined) {
    throw new OperatorError("--ca stands in for --ca-cert and --ca-key: give one or the other", {
      status: 2,
    });
  }
  return { cert: `${ca}/ca.pem`, key: `${ca}/ca-key.pem`, make: true };
}

function parseProtocols(text: string): string[] {
  const list = text.split(",");
  if (list.some((name) => !PROTOCOLS.includes(name)) || new Set(list).size < list.length) {
    const shown = escapeUntrusted(text);
    throw new OperatorError(`--protocols is not a list of ${PROTOCOLS.join(" and ")}: ${shown}`, {
      status: 2,
    });
  }
  return list;
}

function parseListen(text: string): { hostname: string; port: number } {
  const match = /^(?:(\[[0-9a-fA-F:]+\]|[^:[\]]+):)?([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65535) {
    throw new OperatorError(`--listen is not [HOST:]PORT: ${escapeUntrusted(text)}`, { status: 2 });
  }
  return { hostname: (match[1] ?? "0.0.0.0").replace(/^\[|\]$/g, ""), port };
}

function parseProxy(text: string): { hostname: string; port: number } {
  const url = URL.parse(text);
  if (url?.protocol !== "http:" || url.port === "" || url.username !== "" || url.pathname !== "/") {
    throw new OperatorError(`--upstream-proxy is not http://HOST:PORT: ${escapeUntrusted(text)}`, {
      status: 2,
    });
  }
  return { hostname: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port) };
}
