import { checkArguments } from '../../core/check-arguments.ts';
import type { ConfigIssue } from '../../core/errors.ts';
import { reportFault } from '../../core/fault.ts';
import type { ObjectSchema, Schema } from '../../core/schema.ts';
import { saysYes } from '../../core/user-answers.ts';
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
 * Options that cannot be used throw a ConfigError. A call rejects with what the function threw, unless `queueOn` says that it can be made later; or with `QueueFullError`,
 * `QueueOvertakenError` or `StorageError`, whose `cause` is what the function threw.
 */
export function queued<Args extends unknown[], R, Reply = undefined>(
  fn: (...args: Args) => R | PromiseLike<R>,
  options: QueuedOptions<Args, Reply>,
): (...args: Args) => Promise<R | Reply> {
  checkOptions(fn, options);
  const { store, key, name = fn.name, queueOn = isUnavailable, reply, classify, healthy } = options;
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
      if (isFor(queueOn, error)) return later(direct, error);
      direct.over();
      throw error;
    }
    store.passed(direct);
    return result;
  };
}

const func = { kind: 'function' } as const;
const schema: ObjectSchema = {
  kind: 'object',
  properties: {
    ...{ store: { kind: 'any' }, key: func, name: { kind: 'string' }, queueOn: func, reply: func },
    ...{ classify: func, healthy: func },
  } satisfies Record<keyof QueuedOptions<never[], unknown>, Schema>,
  required: ['key'],
};

function checkOptions(fn: unknown, options: unknown): void {
  const { store, name } = (options ?? {}) as { readonly store?: Partial<DurableQueue>; readonly name?: unknown };
  const issues: ConfigIssue[] = [];
  const refuse = (path: string, value: unknown, allowed: string): void => void issues.push({ path, value, allowed });
  if (typeof fn !== 'function') refuse('fn', fn, 'the function whose calls may wait');
  if (typeof store?.append !== 'function') refuse('store', store, 'a queue, as DurableQueue.open makes one');
  if (typeof fn === 'function' && fn.name === '' && name === undefined)
    refuse('name', undefined, 'a text: a queued function needs a name, to be found again after a restart');
  checkArguments('queued', schema, options, issues);
}

/** The fault of a user's `queueOn` must not hide what has failed. */
function isFor(queueOn: (error: unknown) => boolean, error: unknown): boolean {
  try {
    return saysYes(queueOn(error), queueOn, 'queueOn');
  } catch (fault) {
    reportFault(fault, 'queueOn');
    return false;
  }
}
