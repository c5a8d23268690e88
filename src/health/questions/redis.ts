import type { Endpoint } from '../../config/check-url.ts';
import type { ResolvedCheck } from '../../config/health.ts';
import { AnswerError } from './answer-error.ts';
import { Conversation, tlsOptions } from './conversation.ts';

/** As RESP has it; binary-safe. */
function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** What a server without a password says to one: the client library goes on then as well. */
const needsNone = /without any password|no password is set/i;

/** Logs in where the URL has a password, and asks PING. */
export async function askRedis(endpoint: Endpoint, { verifyTls }: Pick<ResolvedCheck, 'verifyTls'>, signal: AbortSignal): Promise<string> {
  const { user, password, tls } = endpoint;
  using line = await Conversation.open(endpoint, signal, tls ? tlsOptions(endpoint, verifyTls) : undefined);
  if (password !== undefined) {
    line.write(command('AUTH', ...(user === undefined ? [] : [user]), password));
    const answer = await line.line();
    if (!answer.startsWith('+') && !needsNone.test(answer)) throw new AnswerError(answer.replace(/^-/, ''), [password, user]);
  }
  line.write(command('PING'));
  const answer = await line.line();
  if (answer !== '+PONG') throw new AnswerError(answer.replace(/^-/, ''), [password, user]);
  return 'PING';
}
