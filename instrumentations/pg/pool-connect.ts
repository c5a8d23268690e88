import { isolated } from '../../src/core/isolated.ts';
import { callerContext } from '../shared/caller-context.ts';
import type { Original } from '../shared/guard.ts';
import { ConnectAttempt, connectGate } from './connect.ts';
import { isPoolTimeout, type PoolWatch } from './pool-watch.ts';
import { refuse } from './refuse.ts';
import { hasIdle, isFunction, isSaturated, type PgCallback, type PgClient, type PgPool } from './types.ts';

/** Clients of pools that have connected, until it has counted. */
const fresh = new WeakSet<PgClient>();

/** Notes that a pool's client has just connected. */
export function markFresh(client: PgClient): void {
  fresh.add(client);
}

/**
 * Whether a pool's client is being prepared, in its `connect` event or `onConnect` hook: it has not been handed to anybody.
 * Refusing its SET would hand out a connection that is not as the application wants it.
 */
export const isBeingPrepared = (client: PgClient): boolean => client.release === undefined && fresh.has(client);

/**
 * Gives a client back that nobody waits for any more, in a turn of its own: the pool hands it on to the next in its queue at once, and where
 * thousands have been answered meanwhile each would do so within the one before, until the stack is full.
 */
export function giveBack(release: () => unknown): void {
  process.nextTick(() => isolated('giving a client back', () => void release()));
}

/**
 * `Pool.connect` by the application. With an idle client at hand it is left alone: it is answered at once, and the
 * statements that follow are guarded themselves. Otherwise it needs a connection or waits for one, and both may hang.
 */
export function checkOut(original: Original, pool: PgPool, args: readonly unknown[], watch: PoolWatch): unknown {
  if (hasIdle(pool)) return original(pool, args);
  const { database } = watch;
  const given = isFunction(args[0]) ? args[0] : undefined;
  const waits = isSaturated(pool);
  const gate = connectGate(database, waits);
  if ('refusal' in gate) return refuse(pool.Promise, given, gate.refusal);
  const start = (callback: PgCallback, answer: (error: Error) => void): unknown => {
    let answered = false;
    const attempt = new ConnectAttempt(database, gate.permit, waits, (error) => {
      answered = true;
      answer(error);
    });
    const inward: PgCallback = function (this: unknown, ...given: unknown[]) {
      const [error, client, done] = given;
      if (answered) {
        // Comes too late for its caller: it goes back into the pool as it is.
        if (client && isFunction(done)) giveBack(done);
        return undefined;
      }
      if (isPoolTimeout(error)) watch.timedOut(pool);
      if (error) attempt.failed(error);
      else attempt.succeeded(fresh.delete(client as PgClient));
      return Reflect.apply(callback, this, given);
    };
    attempt.queue = waits ? pool : undefined;
    attempt.queuedAs = inward;
    const go = (): unknown => {
      const result = original(pool, [inward, ...args.slice(1)]);
      watch.asked(pool);
      return result;
    };
    return gate.permit?.probe ? gate.permit.enter(go) : go();
  };
  if (given !== undefined) {
    const inContext = callerContext();
    return start(given, (error) => inContext(() => given.call(undefined, error, undefined, () => undefined)));
  }
  return new (pool.Promise ?? Promise)<unknown>((resolve, reject) => {
    start((error, client) => (error ? reject(error) : resolve(client)), reject);
  }).catch((error: Error) => {
    // As pg-pool does, so that the trace leads back to who asked for the client.
    Error.captureStackTrace?.(error);
    throw error;
  });
}
