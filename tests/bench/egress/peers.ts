/** The peers: what stands between the load generator and the upstream server. */

import { startMitmproxy } from "./mitmproxy.ts";
import { startOurs } from "./ours.ts";
import { startPipelock } from "./pipelock.ts";
import type { Process } from "./processes.ts";
import type { World } from "./world.ts";

/** Names of the peers, in the order of the table. */
export const PEER_NAMES = [
  "direct",
  "mitmproxy",
  "pipelock",
  "mitmproxy-pipelock",
  "ours",
  "ours-pipelock",
] as const;

/** Name of a peer. */
export type PeerName = typeof PEER_NAMES[number];

/** A program of a peer that has been started, and may not listen yet. */
export interface Started {
  readonly process: Process;
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** Certificate file that its clients trust. */
  readonly ca: string;
  /** How one sees that it answers, as arguments of the load generator. */
  readonly ready: readonly [flag: "--health" | "--tunnel", value: string];
}

/** A running peer: one program, a chain of two, or none. */
export interface Peer {
  readonly name: PeerName;
  /** Where clients connect; undefined: there is no proxy. */
  readonly proxy: string | undefined;
  /** Certificate file that its clients trust. */
  readonly ca: string;
  readonly pids: readonly number[];
  /** When the first of its programs was started, in milliseconds since the epoch. */
  readonly started: number;
  /** Arguments of the load generator's `ready`. */
  readonly ready: readonly string[];
  /** How one of its programs ended without being asked; undefined: all run. */
  death(): Promise<string | undefined>;
  stop(): Promise<void>;
}

/** Whose credential the upstream server must see. */
export function expectedCredential(name: PeerName): "injected" | "own" {
  return name === "direct" || name === "pipelock" ? "own" : "injected";
}

/** Whether pipelock is part of a peer. */
export function hasPipelock(name: PeerName): boolean {
  return name === "pipelock" || name === "mitmproxy-pipelock" || name === "ours-pipelock";
}

/** Starts a peer; a chain's programs at once. */
export async function startPeer(world: World, name: PeerName): Promise<Peer> {
  // Outermost last: clients connect to that one.
  const started = await startPrograms(world, name);
  const front = started.at(-1);
  return {
    name,
    proxy: front?.address,
    ca: front?.ca ?? world.upstreamCa,
    pids: started.map(({ process }) => process.pid),
    started: Math.min(...started.map(({ process }) => process.started)),
    ready: started.flatMap(({ ready }) => ready),
    death: async () => {
      const deaths = await Promise.all(started.map(({ process }) => process.death()));
      return deaths.find((death) => death !== undefined);
    },
    stop: async () => {
      await Promise.all(started.map(({ process }) => process.stop()));
    },
  };
}

async function startPrograms(world: World, name: PeerName): Promise<readonly Started[]> {
  switch (name) {
    case "direct":
      return [];
    case "mitmproxy":
      return [await startMitmproxy(world, undefined)];
    case "pipelock":
      return [await startPipelock(world)];
    case "ours":
      return [await startOurs(world, undefined)];
    case "mitmproxy-pipelock": {
      const pipelock = await startPipelock(world);
      return [pipelock, await startMitmproxy(world, pipelock)];
    }
    case "ours-pipelock": {
      const pipelock = await startPipelock(world);
      return [pipelock, await startOurs(world, pipelock)];
    }
  }
}
