import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type CheckInput, resolveHealth } from '../../../src/config/health.ts';
import { describeError } from '../../../src/health/describe-error.ts';
import { questionOf } from '../../../src/health/question.ts';
import { FakeServer } from './server.ts';

let server: FakeServer;
afterEach(() => server?.close());

const variable = (name: string): string => `$\{${name}}`;

type Talk = (socket: Socket, heard: string) => void;

/** What comes of a check whose URL has the port of a server that talks so. */
async function ask(talk: Talk, check: Omit<CheckInput, 'name'>, { signal = AbortSignal.timeout(5_000), env = {} } = {}): Promise<string> {
  server = await FakeServer.listen(talk);
  const filled = JSON.parse(JSON.stringify({ name: 'x', ...check }).replaceAll('PORT', String(server.port))) as CheckInput;
  const [resolved] = resolveHealth([{ checks: [filled] }])?.checks ?? [];
  if (resolved === undefined) throw new Error('no check');
  return questionOf(resolved, () => env)
    .ask(signal)
    .catch((error: unknown) => `failed: ${describeError(error)}`);
}

const say =
  (...answers: readonly (string | Buffer)[]): Talk =>
  (socket) => {
    const next = answers[0];
    if (next !== undefined) socket.write(next);
    answers = answers.slice(1);
  };

describe('redis', () => {
  it.each([
    ['+PONG', '+PONG\r\n', 'PING'],
    ['an answer in pieces', '+PO|NG\r|\n', 'PING'],
    ['NOAUTH', '-NOAUTH Authentication required.\r\n', 'failed: NOAUTH Authentication required.'],
    ['LOADING', '-LOADING Redis is loading the dataset in memory\r\n', 'failed: LOADING Redis is loading the dataset in memory'],
    ['something else', 'SSH-2.0-OpenSSH\r\n', 'failed: SSH-2.0-OpenSSH'],
  ])('to PING: %s', async (_what, answer, result) => {
    const pieces: Talk = (socket) => {
      answer.split('|').forEach((piece, index) => void setTimeout(() => socket.write(piece), index * 5));
    };
    expect(await ask(pieces, { redis: 'redis://127.0.0.1:PORT/3' })).toBe(result);
    expect(server.heard).toBe('*1\r\n$4\r\nPING\r\n');
  });

  it.each([
    ['redis://:s3%40cret@127.0.0.1:PORT', '*2\r\n$4\r\nAUTH\r\n$7\r\ns3@cret\r\n'],
    ['redis://app:s3cret@127.0.0.1:PORT', '*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$6\r\ns3cret\r\n'],
  ])('logs in as %s says', async (redis, auth) => {
    expect(await ask(say('+OK\r\n', '+PONG\r\n'), { redis })).toBe('PING');
    expect(server.heard).toBe(`${auth}*1\r\n$4\r\nPING\r\n`);
  });

  it('goes on where the server needs no password, as its clients do', async () => {
    const answer = '-ERR AUTH <password> called without any password configured for the default user. Are you sure?\r\n';
    expect(await ask(say(answer, '+PONG\r\n'), { redis: 'redis://:x@127.0.0.1:PORT' })).toBe('PING');
  });

  it('tells nothing of what the server repeats of its password', async () => {
    const answer = "-ERR unknown command 'AUTH', with args beginning with: 'operator' 'hunter2'\r\n";
    const said = await ask(say(answer), { redis: 'redis://operator:hunter2@127.0.0.1:PORT' });
    expect(said).toBe("failed: ERR unknown command 'AUTH', with args beginning with: '[...]' '[...]'");
  });
});

describe('http', () => {
  it.each([
    ['HTTP/1.1 200 OK\r\n', 'GET 200'],
    ['HTTP/1.0 204 No Content\r\n', 'GET 204'],
    ['HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n', 'GET 302'],
    ['HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n', 'GET 200'],
    ['HTTP/1.1 503 Service Unavailable\r\n', 'failed: answered 503'],
    ['HTTP/1.1 404 Not Found\r\n', 'failed: answered 404'],
    ['220 mail ready\r\n', 'failed: what answers does not speak HTTP/1.1'],
    ['HTTP/1.1 103 Early Hints\r\n'.repeat(300), 'failed: the answer has no status'],
    ['x'.repeat(70_000), 'failed: the answer is longer than 65536 bytes'],
  ])('to GET: %j', async (answer, result) => {
    expect(await ask(say(answer), { http: 'http://127.0.0.1:PORT/health?deep=1' })).toBe(result.slice(0, 80));
  });

  it('asks once, as itself, and with what the URL has of user and password', async () => {
    await ask(say('HTTP/1.1 200 OK\r\n'), { http: 'http://monitor:p%40ss@127.0.0.1:PORT/health?deep=1#x' });
    expect(server.heard.replace(String(server.port), 'PORT').split('\r\n')).toEqual([
      'GET /health?deep=1 HTTP/1.1',
      'Host: 127.0.0.1:PORT',
      'Connection: close',
      'Accept: */*',
      expect.stringMatching(/^User-Agent: otel-breaker\/[\d.]+ \(health check\)$/),
      `Authorization: Basic ${Buffer.from('monitor:p@ss').toString('base64')}`,
      '',
      '',
    ]);
  });

  it('takes the statuses that are said to be good, and no others', async () => {
    const check = { http: 'http://127.0.0.1:PORT', status: ['4xx', 503] };
    expect(await ask(say('HTTP/1.1 404 Not Found\r\n'), check)).toBe('GET 404');
    await server.close();
    expect(await ask(say('HTTP/1.1 503 Unavailable\r\n'), check)).toBe('GET 503');
    await server.close();
    expect(await ask(say('HTTP/1.1 200 OK\r\n'), check)).toBe('failed: answered 200');
  });
});

describe('postgresql', () => {
  const message = (type: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const int = (...numbers: readonly number[]): Buffer => Buffer.from(Int32Array.from(numbers).buffer).swap32();
  const ok = Buffer.concat([message('R', int(0)), message('S', Buffer.from('a\0b\0')), message('K', int(1, 2)), message('Z', Buffer.from('I'))]);
  const selected = Buffer.concat([message('T', Buffer.alloc(2)), message('C', Buffer.from('SELECT 1\0')), message('Z', Buffer.from('I'))]);
  const error = (code: string, text: string) => message('E', Buffer.from(`SFATAL\0C${code}\0M${text}\0\0`));
  const url = 'postgresql://app:s3cret@127.0.0.1:PORT/shop';

  it('logs in, asks SELECT 1, and takes its leave', async () => {
    expect(await ask(say(ok, selected), { postgresql: url })).toBe('SELECT 1');
    await expect.poll(() => server.closed).toBe(1);
    expect(server.heard.slice(4)).toBe(
      '\0\x03\0\0user\0app\0database\0shop\0application_name\0otel-breaker\0client_encoding\0UTF8\0\0Q\0\0\0\rSELECT 1\0X\0\0\0\x04',
    );
  });

  it.each([
    ['is starting up', error('57P03', 'the database system is starting up'), 'failed: the database system is starting up (57P03)'],
    ['has too many clients', error('53300', 'sorry, too many clients already'), 'failed: sorry, too many clients already (53300)'],
    [
      'repeats the user',
      error('28P01', 'password authentication failed for user "app"'),
      'failed: password authentication failed for user "[...]" (28P01)',
    ],
    ['speaks another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'failed: what answers does not speak the protocol of PostgreSQL'],
    ['wants Kerberos', message('R', int(7)), 'start-up'],
    ['wants another mechanism', message('R', Buffer.concat([int(10), Buffer.from('OAUTHBEARER\0\0')])), 'start-up'],
    [
      'cheats at SCRAM',
      Buffer.concat([
        message('R', Buffer.concat([int(10), Buffer.from('SCRAM-SHA-256\0\0')])),
        message('R', Buffer.concat([int(11), Buffer.from('r=x,s=eA==,i=1')])),
      ]),
      'failed: the server logs in otherwise than SCRAM says',
    ],
  ])('a server that %s', async (_what, answer, result) => {
    expect(await ask(say(answer), { postgresql: url })).toBe(result);
  });

  it.each([
    ['N', 'SSLRequest'],
    ['S', 'SSLRequest'],
    ['E', 'failed: what answers does not speak the protocol of PostgreSQL'],
  ])('without a user nobody logs in: %s to SSLRequest is %s', async (answer, result) => {
    expect(await ask(say(answer), { postgresql: 'postgresql://127.0.0.1:PORT/shop' })).toBe(result);
    expect(server.heard).toBe('\0\0\0\x08\x04\xd2\x16\x2f');
  });

  it('a server that has no TLS is not talked to in the clear where the URL wants TLS', async () => {
    expect(await ask(say('N'), { postgresql: `${url}?sslmode=verify-full` })).toBe(
      'failed: the server has no TLS, and the URL says sslmode=verify-full',
    );
    expect(server.heard).not.toContain('app');
  });

  it('what a server says before the encryption begins is not taken for what it says under it', async () => {
    expect(await ask(say(Buffer.concat([Buffer.from('S'), ok])), { postgresql: `${url}?sslmode=require` })).toBe(
      'failed: the server sent data before the encryption began',
    );
  });
});

describe('any of them', () => {
  it.each(['redis', 'http', 'postgresql'] as const)('%s: ends with its signal where the server accepts and keeps silent', async (kind) => {
    const abort = new AbortController();
    const talk: Talk = () => abort.abort(new Error('no answer within 5 ms'));
    expect(await ask(talk, { [kind]: `${kind}://u:p@127.0.0.1:PORT` }, { signal: abort.signal })).toBe('failed: no answer within 5 ms');
    await expect.poll(() => server.closed).toBe(1);
  });

  it('says when the server closes instead of answering', async () => {
    expect(await ask((socket) => socket.end(), { redis: 'redis://127.0.0.1:PORT' })).toBe('failed: the server closed the connection');
  });

  it('closes its connection', async () => {
    await ask(say('+PONG\r\n'), { redis: 'redis://127.0.0.1:PORT' });
    await expect.poll(() => server.closed).toBe(1);
  });

  it('is not begun with a signal that is aborted already', async () => {
    expect(await ask(say('+PONG\r\n'), { redis: 'redis://127.0.0.1:PORT' }, { signal: AbortSignal.abort(new Error('too late')) })).toBe(
      'failed: too late',
    );
    expect(server.heard).toBe('');
  });

  it('a connection is all that tcp asks for', async () => {
    expect(await ask(say(), { tcp: '127.0.0.1:PORT' })).toBe('connect');
  });

  it('puts in variables when it is asked, and says which is missing', async () => {
    const check = { redis: `redis://:${variable('PASSWORD')}@127.0.0.1:PORT` };
    expect(await ask(say('+OK\r\n', '+PONG\r\n'), check, { env: { PASSWORD: 'p@ss/w' } })).toBe('PING');
    expect(server.heard).toContain('p@ss/w');
    await server.close();
    expect(await ask(say(), check)).toBe('failed: the environment variable PASSWORD is not set');
    await server.close();
    expect(await ask(say(), { redis: variable('URL') }, { env: { URL: 'http://secret@h' } })).toBe(
      'failed: with URL put in, this is no URL for redis',
    );
  });
});
