import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import type { Endpoint } from '../../config/check-url.ts';
import type { ResolvedCheck } from '../../config/health.ts';
import { AnswerError } from './answer-error.ts';
import { Conversation, tlsOptions } from './conversation.ts';
import { fieldsOf, type Message, message, receive, sslRequest, startup } from './postgresql-messages.ts';
import { mechanism, Scram } from './scram.ts';

/**
 * Logs in as the URL says and asks `SELECT 1`. As far as one gets: with a user and no password, or one that the server does not ask
 * for, a server that wants to know more accepts connections, and says so. Without a user nobody logs in under a name that nobody
 * gave: what answers `SSLRequest` is there (a server that is just starting answers it, too).
 * @returns how far it went
 */
export async function askPostgresql(endpoint: Endpoint, { verifyTls }: Pick<ResolvedCheck, 'verifyTls'>, signal: AbortSignal): Promise<string> {
  const { user, password, path, query } = endpoint;
  using line = await Conversation.open(endpoint, signal);
  const mode = query.get('sslmode') ?? (query.get('ssl') === 'true' ? 'require' : 'disable');
  if (user === undefined) {
    line.write(sslRequest);
    const [answer] = await line.take(1);
    if (answer !== 0x53 && answer !== 0x4e) throw new AnswerError('what answers does not speak the protocol of PostgreSQL');
    return 'SSLRequest';
  }
  if (mode !== 'disable' && mode !== 'allow') await encrypt(line, endpoint, mode, verifyTls);
  line.write(startup({ user, database: path || user, application_name: 'otel-breaker', client_encoding: 'UTF8' }));
  try {
    if (!(await logIn(line, user, password))) return 'start-up';
    line.write(message('Q', 'SELECT 1'));
    await readyAfter(line);
    line.write(message('X', new Uint8Array()));
    return 'SELECT 1';
  } catch (error) {
    throw error instanceof AnswerError ? new AnswerError(error.message, [password, user]) : error;
  }
}

async function encrypt(line: Conversation, endpoint: Endpoint, mode: string, verify: boolean): Promise<void> {
  line.write(sslRequest);
  const [answer] = await line.take(1);
  if (answer === 0x53) return line.encrypt(await encryption(endpoint, mode, verify));
  if (mode !== 'prefer') throw new AnswerError(`the server has no TLS, and the URL says sslmode=${mode}`);
}

/** As the client library reads the same URL: every mode that asks for TLS verifies, unless it says otherwise. */
async function encryption(endpoint: Endpoint, mode: string, verify: boolean): Promise<ConnectionOptions> {
  const { query } = endpoint;
  const lax = mode === 'no-verify' || (query.get('uselibpqcompat') === 'true' && (mode === 'require' || mode === 'prefer'));
  const file = async (name: string): Promise<string | undefined> => {
    const path = query.get(name);
    return path === null || path === 'system' ? undefined : readFile(path, 'utf8');
  };
  const [ca, cert, key] = await Promise.all(['sslrootcert', 'sslcert', 'sslkey'].map(file));
  return {
    ...tlsOptions(endpoint, verify && !lax),
    ALPNProtocols: ['postgresql'],
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/** @returns whether it is logged in; `false`: the server wants to know what the URL does not say */
async function logIn(line: Conversation, user: string, password: string | undefined): Promise<boolean> {
  let scram: Scram | undefined;
  for (;;) {
    const { type, body } = await next(line);
    if (type === 'Z') return true;
    if (type !== 'R') continue;
    const asked = body.readInt32BE(0);
    const rest = body.subarray(4);
    if (asked === 0) continue;
    if (asked === 11 && scram !== undefined) line.write(message('p', Buffer.from(await scram.answer(rest.toString('utf8')))));
    else if (asked === 12 && scram !== undefined) scram.verify(rest.toString('utf8'));
    else if (password === undefined) return false;
    else if (asked === 3) line.write(message('p', password));
    else if (asked === 5) line.write(message('p', md5(password, user, rest.subarray(0, 4))));
    else if (asked === 10 && rest.toString('latin1').split('\0').includes(mechanism)) {
      scram = new Scram(password);
      const first = Buffer.from(scram.first);
      const length = Buffer.alloc(4);
      length.writeInt32BE(first.length);
      line.write(message('p', Buffer.concat([Buffer.from(`${mechanism}\0`), length, first])));
    } else return false;
  }
}

function md5(password: string, user: string, salt: Uint8Array): string {
  const of = (...parts: readonly (string | Uint8Array)[]): string => parts.reduce((hash, part) => hash.update(part), createHash('md5')).digest('hex');
  return `md5${of(of(password, user), salt)}`;
}

async function readyAfter(line: Conversation): Promise<void> {
  while ((await next(line)).type !== 'Z');
}

/** @throws AnswerError for an error of the server's */
async function next(line: Conversation): Promise<Message> {
  const said = await receive(line);
  if (said.type !== 'E') return said;
  const { code, text } = fieldsOf(said.body);
  throw new AnswerError(`${text} (${code})`);
}
