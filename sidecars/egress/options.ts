/** The command line of egress. */

import { parseArgs } from "node:util";
import { BUNDLE_PATHS, DAEMONS } from "../../lib/bundle/daemons.ts";
import { OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";

/** What egress is started with. */
export interface Options {
  readonly routes: string;
  readonly caCert: string;
  readonly caKey: string;
  readonly listen: { readonly hostname: string; readonly port: number };
  /** Undefined: hosts are dialled directly. */
  readonly upstreamProxy: { readonly hostname: string; readonly port: number } | undefined;
  /** File of certificates trusted upstream besides the system's. */
  readonly upstreamCa: string | undefined;
  readonly help: boolean;
}

/** The text of `--help`. */
export const HELP = `egress: the forward proxy of a bottle

  deno run --allow-net --allow-read '--allow-env=EGRESS_TOKEN_*' sidecars/egress/main.ts [OPTIONS]

  --routes FILE         routes.yaml                        (${BUNDLE_PATHS.routes})
  --ca-cert FILE        CA that signs the leaves, PEM      (${BUNDLE_PATHS.egressCaCert})
  --ca-key FILE         its key, PEM                       (${BUNDLE_PATHS.egressCaKey})
  --listen [HOST:]PORT  where agents connect               (0.0.0.0:${DAEMONS.egress.port})
  --upstream-proxy URL  next proxy, http://HOST:PORT; without it hosts are dialled directly (for debugging)
  --upstream-ca FILE    PEM trusted upstream besides the system's certificates

Credentials are read from EGRESS_TOKEN_0, EGRESS_TOKEN_1, ... once, at the start.
SIGHUP reloads the routes; a file that is not valid leaves the last good routes in force.

Try it on a laptop, with a CA of your own and no next proxy:

  printf 'routes:\\n  - host: example.com\\n' > routes.yaml
  deno run --allow-net --allow-read '--allow-env=EGRESS_TOKEN_*' sidecars/egress/main.ts \\
    --routes routes.yaml --ca-cert ca.pem --ca-key ca-key.pem --listen 127.0.0.1:9099
  curl --proxy http://127.0.0.1:9099 --cacert ca.pem https://example.com/
  curl --proxy http://127.0.0.1:9099 http://_egress.local/routes
`;

/** Reads the command line. @throws {OperatorError} a usage error, status 2 */
export function parseOptions(args: readonly string[]): Options {
  const values = parse(args);
  const proxy = values["upstream-proxy"];
  return {
    routes: values.routes,
    caCert: values["ca-cert"],
    caKey: values["ca-key"],
    listen: parseListen(values.listen),
    upstreamProxy: proxy === undefined ? undefined : parseProxy(proxy),
    upstreamCa: values["upstream-ca"],
    help: values.help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        routes: { type: "string", default: BUNDLE_PATHS.routes },
        "ca-cert": { type: "string", default: BUNDLE_PATHS.egressCaCert },
        "ca-key": { type: "string", default: BUNDLE_PATHS.egressCaKey },
        listen: { type: "string", default: `0.0.0.0:${DAEMONS.egress.port}` },
        "upstream-proxy": { type: "string" },
        "upstream-ca": { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new OperatorError(escapeUntrusted(what), { mend: "see --help", status: 2, cause });
  }
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
