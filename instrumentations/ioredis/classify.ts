import { isBreakerError } from '../../src/core/errors.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { isConnectionFault } from '../shared/faults.ts';

export interface RedisVerdict {
  readonly outcome: Outcome;
  /** The connection is to blame: it concerns every class of operation of the server. */
  readonly ofConnection: boolean;
}

const succeeded: RedisVerdict = { outcome: 'success', ofConnection: false };
const failed: RedisVerdict = { outcome: 'failure', ofConnection: false };
const disconnected: RedisVerdict = { outcome: 'failure', ofConnection: true };
const ignored: RedisVerdict = { outcome: 'ignored', ofConnection: false };

/** Replies of a server that cannot do its work now; any other error reply is the server working. */
const failingReplies: ReadonlySet<string> = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'READONLY', 'OOM', 'BUSY']);
/** The client follows these by itself. */
const redirections: ReadonlySet<string> = new Set(['MOVED', 'ASK']);

/** What ioredis says when it has no connection: its own errors, which have neither code nor class. */
const clientFaults = [
  'Connection is closed.',
  "Stream isn't writeable and enableOfflineQueue options is false",
  'Command aborted due to connection close',
  'Socket timeout.',
  'All sentinels are unreachable',
];

/** What an error of a Redis command says about the server. */
export function classifyRedisError(error: unknown): RedisVerdict {
  if (isBreakerError(error) || typeof error !== 'object' || error === null) return ignored;
  const { name, message } = error as { name?: unknown; message?: unknown };
  const text = typeof message === 'string' ? message : '';
  if (name === 'ReplyError') return classifyReply(text);
  if (isConnectionFault(error) || name === 'MaxRetriesPerRequestError' || name === 'ParserError') return disconnected;
  if (text === 'Command timed out') return failed;
  // Anything else is the client refusing the request itself: wrong mode, wrong arguments, wrong slot.
  return clientFaults.some((fault) => text.startsWith(fault)) ? disconnected : ignored;
}

function classifyReply(message: string): RedisVerdict {
  const end = message.indexOf(' ');
  const prefix = end < 0 ? message : message.slice(0, end);
  if (failingReplies.has(prefix)) return failed;
  return redirections.has(prefix) ? ignored : succeeded;
}
