import { connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { isConnectionFault, refusesOutright } from '../../../instrumentations/shared/faults.ts';

const coded = (code: string, more: object = {}): Error => Object.assign(new Error(code), { code, ...more });

async function realError(options: { port: number } | { path: string }): Promise<unknown> {
  return new Promise((resolve) => connect(options as { port: number }).once('error', resolve));
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('faults of the connection', () => {
  it('a port where nobody listens refuses outright, by whatever address family', async () => {
    const error = await realError({ port: await closedPort() });
    expect(isConnectionFault(error)).toBe(true);
    expect(refusesOutright(error)).toBe(true);
  });

  it('so does a Unix socket that is not there, but not a file that is missing', async () => {
    const error = await realError({ path: '/nowhere/redis.sock' });
    expect(refusesOutright(error)).toBe(true);
    expect(isConnectionFault(coded('ENOENT', { syscall: 'open' }))).toBe(false);
  });

  it('a connection that broke or timed out is a fault, though no refusal', () => {
    for (const code of ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND']) {
      expect(isConnectionFault(coded(code))).toBe(true);
      expect(refusesOutright(coded(code))).toBe(false);
    }
  });

  it('is found in the cause of a bare error', () => {
    expect(refusesOutright(new TypeError('fetch failed', { cause: coded('ECONNREFUSED') }))).toBe(true);
  });

  it('nothing else is one', () => {
    for (const error of [
      undefined,
      null,
      'ECONNREFUSED',
      new Error('ECONNREFUSED'),
      coded('23505'),
      coded('EBREAKEROPEN', { cause: coded('ECONNREFUSED') }),
    ]) {
      expect(isConnectionFault(error)).toBe(false);
    }
  });
});
