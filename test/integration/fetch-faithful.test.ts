import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FetchBreakerInstrumentation } from '../../instrumentations/fetch/instrumentation.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';

let server: Server;
let url: string;
let requests = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1;
    if (request.url === '/reset') request.socket.resetAndDestroy();
    else if (request.url === '/cut') response.writeHead(200, { 'content-length': 99 }).write('x', () => request.socket.destroy());
    else if (request.url === '/hang') return;
    else response.writeHead(request.url === '/503' ? 503 : 200, { 'retry-after': '60' }).end('body');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = 0;
});

describe('in shadow mode', () => {
  it('a caller sees under faults what he sees without us, though the circuit would be open', async () => {
    const paths = ['/503', '/reset', '/cut', '/503', '/ok', '/hang', '/503'];
    const bare = await seen([...paths, ...paths, ...paths]);
    const registry = createRegistry({ defaults: { mode: 'shadow', consecutiveFailures: 2 } });
    const instrumentation = new FetchBreakerInstrumentation({ registry });
    try {
      requests = 0;
      expect(await seen([...paths, ...paths, ...paths])).toEqual(bare);
      expect(registry.get(url).snapshot().circuit).toBe('open');
      await vi.waitFor(() => expect(registry.get(url).inFlight).toBe(0));
    } finally {
      instrumentation.disable();
    }
  });
});

describe('many calls of every kind', () => {
  it('give all their permits back', async () => {
    const registry = createRegistry({ defaults: { mode: 'shadow' } });
    const instrumentation = new FetchBreakerInstrumentation({ registry });
    const kinds = [
      async () => (await fetch(url)).text(),
      async () => void (await fetch(url)).body?.cancel(),
      async () => fetch(url),
      async () => fetch(`${url}/reset`),
      async () => (await fetch(`${url}/cut`)).text(),
      async () => fetch(`${url}/hang`, { signal: AbortSignal.timeout(5) }),
      async () => fetch(url, { method: 'POST', body: new ReadableStream(), duplex: 'half', signal: AbortSignal.timeout(5) } as RequestInit),
    ];
    for (let round = 0; round < 20; round += 1) await Promise.allSettled(kinds.flatMap((kind) => [kind(), kind()]));
    instrumentation.disable();
    await vi.waitFor(() => expect(registry.get(url).inFlight).toBe(0), { timeout: 2_000, interval: 20 });
    const { success, failure, ignored, cancelled, stale } = registry.get(url).snapshot().calls;
    expect(success + failure + ignored + cancelled + stale).toBe(280);
  });
});

describe('what undici prints for NODE_DEBUG', () => {
  /** The undici of npm that is a caller's, `node` for Node's own; each makes one call. */
  const program = (callers: readonly string[], guard: boolean): string => `
    import { createServer } from 'node:http';
    ${guard ? "import { FetchBreakerInstrumentation } from './instrumentations/fetch/index.ts'; new FetchBreakerInstrumentation();" : ''}
    const server = createServer((_request, response) => response.end('ok')).listen(0, async () => {
      for (const name of ${JSON.stringify(callers)}) {
        const { fetch } = name === 'node' ? globalThis : (await import(name)).default;
        await (await fetch('http://127.0.0.1:' + server.address().port)).text();
      }
      server.closeAllConnections();
      server.close();
      setTimeout(() => process.exit(), 50);
    });`;
  const lines = (callers: readonly string[], guard: boolean): number => {
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program(callers, guard)];
    const { stderr } = spawnSync(process.execPath, args, { env: { ...process.env, NODE_DEBUG: 'fetch' }, encoding: 'utf8' });
    return stderr.split('\n').filter((line) => line.startsWith('FETCH')).length;
  };

  it.each([[['node']], [['undici6']], [['undici']], [['undici6', 'node']]])('is what it prints without us: %s', (callers) => {
    const bare = lines(callers, false);
    expect(bare).toBeGreaterThan(3);
    expect(lines(callers, true)).toBe(bare);
  });
});

/** What a caller sees of calls made one after the other. */
async function seen(paths: readonly string[]): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const path of paths) {
    try {
      const response = await fetch(`${url}${path}`, path === '/hang' ? { signal: AbortSignal.timeout(20) } : undefined);
      all.push([response.status, response.headers.get('retry-after'), await response.text()]);
    } catch (error) {
      const { name, message, cause } = error as Error & { cause?: { code?: unknown } };
      all.push([name, message, cause?.code]);
    }
  }
  return [...all, requests];
}
