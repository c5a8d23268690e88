import { type AttemptVerdict, isUnavailable } from '../../src/policies/durable-queue/handlers.ts';
import { classifyRedisError } from './classify.ts';

/**
 * Replies that say nothing against the command: another time, or once somebody has mended what is wrong, it will be taken. A whole queue must not end
 * as dead letters because a password was changed.
 */
const laterReplies: ReadonlySet<string> = new Set([
  ...['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'READONLY', 'OOM', 'BUSY', 'MOVED', 'ASK'],
  ...['NOAUTH', 'WRONGPASS', 'NOPERM', 'MISCONF', 'NOREPLICAS'],
]);
/** Replies that will be the same for ever. */
const finalReplies: ReadonlySet<string> = new Set(['WRONGTYPE', 'CROSSSLOT']);

/** What the failure of a queued command says; any other reply is tried again a few times and then set aside. */
export function queuedVerdict(error: unknown): AttemptVerdict {
  if (isUnavailable(error)) return 'unavailable';
  const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown };
  if (name !== 'ReplyError') return classifyRedisError(error).outcome === 'failure' ? 'unavailable' : 'retry';
  const text = String(message);
  const prefix = text.split(' ', 1)[0] ?? '';
  if (finalReplies.has(prefix)) return 'poison';
  return laterReplies.has(prefix) || text.startsWith('ERR max number of clients') ? 'unavailable' : 'retry';
}
