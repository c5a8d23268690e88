import type { BreakerOptions } from '../../src/core/options.ts';

/**
 * What differs from the engine's defaults for Redis. A killed server is seen by its refused connections and a frozen one
 * by `stall`, which asks it before it convicts, so a slow healthy command opens nothing. The first open time is short: a
 * probe costs Redis next to nothing, and a restart takes it a second or two; it grows while the server stays away.
 */
export const redisDefaults: BreakerOptions = {
  stall: { afterMs: 500, calls: 10, factor: 4 },
  open: { durationMs: 1_000, factor: 2, maxMs: 30_000 },
};

/**
 * A client that has never been connected waits this long, in ms, for its server before refused connections count. ioredis
 * queues commands for a server that is just being started; opening at once would break what worked.
 */
export const redisStartMs = 1_500;

/**
 * How long Redis may take, in ms, to answer when it is asked whether it is there. It does one thing at a time: a pipeline
 * of hundreds of megabytes, or a busy machine, keeps it silent for half a second without anything being wrong.
 */
export const redisAnswerMs = 1_000;
