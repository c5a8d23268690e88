import type { DirectWrite } from './direct-writes.ts';
import type { DurableQueue } from './durable-queue.ts';
import { isUnavailable, type QueueHandler } from './handlers.ts';

export interface QueuedOptions<Args extends unknown[], Reply> extends Pick<QueueHandler, 'classify' | 'healthy'> {
  /** Where calls wait that cannot be made now. */
  readonly store: DurableQueue;
  /** What a call changes: calls that share a key keep their order. */
  readonly key: (...args: Args) => string | readonly string[];
  /** Finds the function again after a restart: unique within the store, the same in every version of the program. Default: the function's name. */
  readonly name?: string;
  /** Which errors mean that the call is to be made later. Default: refusals and time-outs of a breaker, and errors of the connection. */
  readonly queueOn?: (error: unknown) => boolean;
  /** What the caller of a queued call gets. Default: `undefined`. */
  readonly reply?: (...args: Args) => Reply;
}

/**
 * A function of the same signature whose calls are not lost while their dependency is away: they are kept on disk, and made when it is
 * back, in order by key, at least once. The arguments must be data (see `createCodec`).
 *
 * ```ts
 * const save = queued(saveOrder, { store, key: (order) => order.id });
 * ```
 * A call rejects with what the function threw, unless `queueOn` says that it can be made later; or with `QueueFullError`,
 * `QueueOvertakenError` or `StorageError`, whose `cause` is what the function threw.
 */
export function queued<Args extends unknown[], R, Reply = undefined>(
  fn: (...args: Args) => R | PromiseLike<R>,
  { store, key, name = fn.name, queueOn = isUnavailable, reply, classify, healthy }: QueuedOptions<Args, Reply>,
): (...args: Args) => Promise<R | Reply> {
  if (name === '') throw new TypeError('a queued function needs a name, to be found again after a restart');
  const hooks = { ...(classify && { classify }), ...(healthy && { healthy }) };
  store.handle<Args>(name, { deliver: (args) => fn(...args), ...hooks });

  return async (...args) => {
    const given = key(...args);
    const keys = typeof given === 'string' ? [given] : given;
    const later = async (direct?: DirectWrite, cause?: unknown): Promise<Reply> => {
      await store.append({ handler: name, keys, payload: args, direct, cause });
      return reply?.(...args) as Reply;
    };
    // Nothing may overtake what waits.
    if (store.has(...keys)) return later();
    const direct = store.begin(keys);
    let result: R;
    try {
      result = await fn(...args);
    } catch (error) {
      if (queueOn(error)) return later(direct, error);
      direct.over();
      throw error;
    }
    store.passed(direct);
    return result;
  };
}
