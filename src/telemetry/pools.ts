import type { Attributes, HrTime } from '@opentelemetry/api';
import type { PoolEvent, PoolReading, PoolSeat, Pools } from '../registry/pools.ts';
import { activeContext } from './active-context.ts';
import { ROOT_CONTEXT, trace } from './api.ts';
import { isSuppressed } from './binding.ts';
import { type Logger, severity } from './logs-api.ts';
import { attributes as a, eventNames } from './names.ts';
import { toHrTime } from './produced.ts';
import type { Tell } from './readings.ts';

/** The attributes of one pool's series, each made once. */
export class PoolSeries {
  readonly since: HrTime = toHrTime(Date.now());
  readonly base: Attributes;
  readonly used: Attributes;
  readonly idle: Attributes;
  static readonly #known = new WeakMap<PoolSeat, PoolSeries>();

  static of(seat: PoolSeat): PoolSeries {
    let series = PoolSeries.#known.get(seat);
    if (series === undefined) {
      series = new PoolSeries(seat);
      PoolSeries.#known.set(seat, series);
    }
    return series;
  }

  private constructor({ name, target }: PoolSeat) {
    this.base = { [a.poolName]: name };
    if (target.system !== undefined) this.base[a.dbSystem] = target.system;
    if (target.address !== undefined) this.base[a.serverAddress] = target.address;
    if (target.port !== undefined) this.base[a.serverPort] = target.port;
    if (target.namespace !== undefined) this.base[a.dbNamespace] = target.namespace;
    this.used = { ...this.base, [a.poolConnectionState]: 'used' };
    this.idle = { ...this.base, [a.poolConnectionState]: 'idle' };
  }
}

/** Reads all numbers of one pool. */
export function readPool(seat: PoolSeat, reading: PoolReading, tell: Tell): void {
  const { base, used, idle } = PoolSeries.of(seat);
  tell('poolConnections', reading.used, used);
  tell('poolConnections', reading.idle, idle);
  tell('poolLimit', reading.limit, base);
  tell('poolWaiting', reading.waiting, base);
  tell('poolTimeouts', seat.timeouts, base);
}

/**
 * Observable instruments repeat the last value for ever: a pool that is gone has no connections.
 * @param told the seats of the last reading; brought up to date
 */
export function observePools(pools: Pools, told: Set<PoolSeat>, tell: Tell): void {
  const gone = new Set(told);
  told.clear();
  for (const [seat, reading] of pools.read()) {
    gone.delete(seat);
    told.add(seat);
    readPool(seat, reading, tell);
  }
  for (const seat of gone) readPool(seat, { used: 0, idle: 0, limit: 0, waiting: 0 }, tell);
}

function describe(seat: PoolSeat, { used, limit, waiting }: PoolReading): Attributes {
  return { ...PoolSeries.of(seat).base, [a.poolUsed]: used, [a.poolLimit]: limit, [a.poolWaiting]: waiting };
}

/** A pool that ran out of connections as a log record, which a person should look at, and its end as another. */
export function logPool(logger: Logger, { seat, reading, timeouts, durationMs }: PoolEvent, timestamp: number): void {
  const over = durationMs !== undefined;
  const attributes: Attributes = { ...describe(seat, reading), [a.poolTimeouts]: timeouts };
  if (over) attributes[a.poolDuration] = durationMs / 1_000;
  const { used, limit, waiting } = reading;
  logger.emit({
    eventName: over ? eventNames.poolRelieved : eventNames.poolExhausted,
    severityNumber: over ? severity.INFO : severity.WARN,
    severityText: over ? 'INFO' : 'WARN',
    body: over
      ? `${seat.name}: the pool has connections again after ${Math.round(durationMs / 1_000)} s`
      : `${seat.name}: the pool is exhausted: ${used} of ${limit} connections in use, ${waiting} calls wait, and the server is fine`,
    attributes,
    timestamp,
    context: ROOT_CONTEXT,
  });
}

/** On the span of a caller who gave up waiting for a connection: why, in whose async context this is called. */
export function addPoolTimeout(seat: PoolSeat, reading: PoolReading): void {
  const active = activeContext();
  if (active === ROOT_CONTEXT) return;
  const span = trace.getSpan(active);
  if (span?.isRecording() === true && !isSuppressed(active)) span.addEvent(eventNames.poolExhausted, describe(seat, reading));
}
