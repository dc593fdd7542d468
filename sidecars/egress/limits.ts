/** Bounds of the proxy: sizes in bytes, times in milliseconds. One table, so that tests can tighten it. */

/** Limits of one running egress. */
export interface Limits {
  /** Longest request or response head, and longest trailer section. */
  readonly headBytes: number;
  /** From the first byte of a head (or from the accept) to its last. */
  readonly headTimeout: number;
  /** TLS handshake with the agent. */
  readonly handshakeTimeout: number;
  /** A kept-alive client connection without a request. */
  readonly keepAliveTimeout: number;
  /** A request, response or tunnel in which no byte moves: models think for minutes. */
  readonly idleTimeout: number;
  /** Dial, CONNECT and TLS handshake towards upstream. */
  readonly dialTimeout: number;
  /** A pooled upstream connection without a request. */
  readonly poolIdleTimeout: number;
  /** Pooled idle connections in all. */
  readonly poolSize: number;
  /** Client connections at once. */
  readonly connections: number;
  /** After a refusal: how much more of a request is read and dropped before the connection is cut. */
  readonly lingerBytes: number;
  /** After a refusal: for how long. */
  readonly lingerTimeout: number;
  /** Leaf certificates kept. */
  readonly leaves: number;
}

/** Limits in force unless a test says otherwise. */
export const DEFAULT_LIMITS: Limits = {
  headBytes: 64 * 1024,
  headTimeout: 30_000,
  handshakeTimeout: 15_000,
  keepAliveTimeout: 300_000,
  idleTimeout: 900_000,
  dialTimeout: 30_000,
  poolIdleTimeout: 20_000,
  poolSize: 64,
  connections: 512,
  lingerBytes: 1024 * 1024,
  lingerTimeout: 2_000,
  leaves: 256,
};
