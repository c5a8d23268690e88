import type { Breaker } from '../../src/breaker/breaker.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import type { ClientState } from './client-state.ts';
import { selectedBy } from './queue-replay.ts';
import type { RedisLike } from './types.ts';
import { longestWaitMs } from './waiting-line.ts';

/** Somebody has begun a transaction meanwhile, of which a call would become a part, or has selected another database. */
export function isElsewhere(client: RedisLike, state: ClientState, db: number): boolean {
  return state.inTransaction || selectedBy(client) !== db;
}

/**
 * For a call that has waited its turn behind queued writes: once the transaction has ended, it is sent in the database that it was meant for, as ioredis
 * itself sends what has waited for a connection. Returns what is to send it.
 */
export async function wayHome(breaker: Breaker, client: RedisLike, state: ClientState, db: number): Promise<(send: () => void) => void> {
  if (state.inTransaction) await state.writes?.line.wait([], () => !state.inTransaction);
  if (state.inTransaction) throw new CallTimeoutError(breaker.name, longestWaitMs);
  return (send) => {
    const there = selectedBy(client);
    if (there === db) return send();
    select(client, db);
    try {
      send();
    } finally {
      select(client, there);
    }
  };
}

function select(client: RedisLike, db: number): void {
  // Should it fail, so does what comes after it, and whoever gave that hears of it.
  client.select(db).catch(() => undefined);
}
