/** The figures: one load each, which gives one metric or more. */

import { median } from "../stats.ts";
import { load, type RateResult, type Tally } from "./load.ts";
import { hasPipelock, type Peer, startPeer } from "./peers.ts";
import { memoryOf, processorTimeOf } from "./processes.ts";
import type { World } from "./world.ts";

/** Names of the figures, in the order of the table. */
export const FIGURE_NAMES = [
  "req1",
  "req10",
  "req100",
  "fresh",
  "down1",
  "down4",
  "up1",
  "up4",
  "events",
  "start",
  "memory",
] as const;

/** Name of a figure. */
export type FigureName = typeof FIGURE_NAMES[number];

/** One row of the table. */
export interface Metric {
  readonly title: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
}

const higher = (title: string, unit: string): Metric => ({ title, unit, better: "higher" });
const lower = (title: string, unit: string): Metric => ({ title, unit, better: "lower" });

/** All metrics, in the order of the table. */
export const METRICS = {
  req1: higher("requests, 1 connection", "/s"),
  p50at1: lower("p50, 1 connection", "ms"),
  p99at1: lower("p99, 1 connection", "ms"),
  req10: higher("requests, 10 connections", "/s"),
  cpu10: lower("its processor time a request", "µs"),
  req100: higher("requests, 100 connections", "/s"),
  p50at100: lower("p50, 100 connections", "ms"),
  p99at100: lower("p99, 100 connections", "ms"),
  fresh: higher("new TLS connections", "/s"),
  down1: higher("down, 1 connection", "MB/s"),
  down4: higher("down, 4 connections", "MB/s"),
  up1: higher("up, 1 connection", "MB/s"),
  up4: higher("up, 4 connections", "MB/s"),
  eventP50: lower("event delay, p50", "ms"),
  eventP99: lower("event delay, p99", "ms"),
  start: lower("start to healthy", "ms"),
  first: lower("start to first answer", "ms"),
  idle: lower("memory, idle", "MB"),
  rss100: lower("memory, 100 connections", "MB"),
  peak: lower("memory, peak", "MB"),
} as const satisfies Record<string, Metric>;

/** Name of a metric. */
export type MetricName = keyof typeof METRICS;

/** What one measurement gave. */
export interface Sample {
  readonly values: Partial<Record<MetricName, number>>;
  /** What went wrong during it; undefined: loads of this kind have nothing that can. */
  readonly tally?: Tally;
}

/** What a measurement is made with. */
export interface Bench {
  readonly world: World;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Body of the throughput figures. pipelock holds a body whole, and scans a few hundred KB a second. */
const BODY_BYTES = 16 * 1024 * 1024;
const INSPECTED_BODY_BYTES = 64 * 1024;

/** New connections under way at once. */
const HANDSHAKES = 10;

/** Between start and idle memory: what a start leaves behind is freed by then. */
const SETTLE_MS = 1_000;
const SAMPLE_MS = 100;

/** Measures one figure of one running peer. */
export async function measure(bench: Bench, peer: Peer, figure: FigureName): Promise<Sample> {
  switch (figure) {
    case "req1": {
      const result = await rate(bench, peer, 1);
      return { values: { req1: result.perSecond, p50at1: result.p50, p99at1: result.p99 }, tally: result };
    }
    case "req10": {
      const before = processorTimeOf(peer.pids);
      const result = await rate(bench, peer, 10);
      const cpu10 = (processorTimeOf(peer.pids) - before) / result.all * 1e6;
      return {
        values: { req10: result.perSecond, ...peer.pids.length > 0 && { cpu10 } },
        tally: result,
      };
    }
    case "req100": {
      const result = await rate(bench, peer, 100);
      return {
        values: { req100: result.perSecond, p50at100: result.p50, p99at100: result.p99 },
        tally: result,
      };
    }
    case "fresh": {
      const args = ["--conns", String(HANDSHAKES), ...times(bench)];
      const result = await load(bench.world, peer, "fresh", args, bench.signal);
      return { values: { fresh: result.perSecond }, tally: result };
    }
    case "down1":
      return await throughput(bench, peer, figure, "down", 1);
    case "down4":
      return await throughput(bench, peer, figure, "down", 4);
    case "up1":
      return await throughput(bench, peer, figure, "up", 1);
    case "up4":
      return await throughput(bench, peer, figure, "up", 4);
    case "events": {
      const { p50, p99 } = await load(bench.world, peer, "events", times(bench), bench.signal);
      return { values: { eventP50: p50, eventP99: p99 } };
    }
    case "start":
      return await withFresh(
        bench,
        peer,
        ({ start, first }) => Promise.resolve({ values: { start, first } }),
      );
    case "memory":
      return await withFresh(bench, peer, ({ fresh }) => memory(bench, fresh));
  }
}

function times({ seconds }: Bench): readonly string[] {
  return ["--seconds", String(seconds), "--warm", String(Math.min(1, seconds / 2))];
}

async function rate(bench: Bench, peer: Peer, conns: number): Promise<RateResult> {
  return await load(bench.world, peer, "rate", ["--conns", String(conns), ...times(bench)], bench.signal);
}

async function throughput(
  bench: Bench,
  peer: Peer,
  metric: "down1" | "down4" | "up1" | "up4",
  way: "down" | "up",
  conns: number,
): Promise<Sample> {
  const bytes = hasPipelock(peer.name) ? INSPECTED_BODY_BYTES : BODY_BYTES;
  const args = ["--conns", String(conns), "--bytes", String(bytes), "--seconds", String(bench.seconds)];
  const result = await load(bench.world, peer, way, args, bench.signal);
  return { values: { [metric]: result.megabytesPerSecond }, tally: result };
}

/** A peer that has just been started. */
interface Fresh {
  readonly fresh: Peer;
  /** Milliseconds to the answer to all health checks. */
  readonly start: number;
  /** Milliseconds to the first proxied answer. */
  readonly first: number;
}

/** Starts a second one of a peer's kind and ends it again. There is none of `direct`. */
async function withFresh(bench: Bench, peer: Peer, use: (fresh: Fresh) => Promise<Sample>): Promise<Sample> {
  if (peer.name === "direct") return { values: {} };
  const fresh = await startPeer(bench.world, peer.name);
  try {
    const { ready, first } = await load(bench.world, fresh, "ready", fresh.ready, bench.signal);
    return await use({ fresh, start: ready - fresh.started, first: first - fresh.started });
  } finally {
    await fresh.stop();
  }
}

async function memory(bench: Bench, peer: Peer): Promise<Sample> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const idle = memoryOf(peer.pids).resident;
  const loaded: number[] = [];
  const timer = setInterval(() => loaded.push(memoryOf(peer.pids).resident), SAMPLE_MS);
  try {
    const tally = await rate(bench, peer, 100);
    return { values: { idle, rss100: median(loaded), peak: memoryOf(peer.pids).peak }, tally };
  } finally {
    clearInterval(timer);
  }
}
