import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MetricsServer } from '../../src/management/metrics-server.ts';
import type { ManagementOptions } from '../../src/management/ports.ts';
import { createManagementServer, type ManagementServer } from '../../src/management/server.ts';
import { Registry } from '../../src/registry/registry.ts';

const open: { close(): unknown }[] = [];
const said: string[] = [];

afterEach(() => {
  for (const each of open.splice(0)) each.close();
  said.length = 0;
});

function make(options: ManagementOptions = {}): ManagementServer {
  const server = createManagementServer(new Registry(), { log: (level, message) => said.push(`${level}: ${message}`), ...options });
  open.push(server);
  return server;
}

/** Takes a port. */
async function take(): Promise<number> {
  const server: Server = createServer();
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('the management server', () => {
  it('tries many ports, without a warning of Node’s', async () => {
    const warnings: Error[] = [];
    const heard = (warning: Error): void => void warnings.push(warning);
    process.on('warning', heard);
    try {
      // Where the system takes no ports from for connections.
      const firstPort = 20_000 + (process.pid % 10_000);
      for (let n = 0; n < 14; n += 1) await make({ firstPort }).listen();
      await new Promise((resolve) => setImmediate(resolve));
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', heard);
    }
  });

  it('takes the next free port when nobody named one, and says so', async () => {
    const firstPort = await take();
    const [first, second] = [make({ firstPort }), make({ firstPort })];
    for (const server of [first, second]) expect((await fetch(`${await server.listen()}/health`)).status).toBe(200);
    expect(first.port).toBeGreaterThan(firstPort);
    expect(second.port).toBeGreaterThan(first.port ?? 0);
    expect(said.filter((line) => line.startsWith('warn: '))).toEqual(
      [first, second].map(({ url }) => `warn: management at ${url}/: the usual port is taken, by another process with otel-breaker perhaps`),
    );
  });

  it('stays with a port that was named, or is not there', async () => {
    const port = await take();
    const server = make({ port });
    await expect(server.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(server.url).toBeUndefined();
  });

  it('says where it is, and that nobody can control anything without a token', async () => {
    const url = await make({ port: 0 }).listen();
    expect(said).toEqual([`info: management at ${url}/; nobody can control anything by it, because OTEL_BREAKER_ADMIN_TOKEN is not set`]);
  });

  it.each(['0.0.0.0', '::', 'shop.internal', '10.0.0.1'])('is not served at %s without a token, and says what to do', async (host) => {
    await expect(make({ host, port: 0 }).listen()).rejects.toThrow(/OTEL_BREAKER_ADMIN_TOKEN=name:secret, or serve at 127\.0\.0\.1/);
  });

  it('asks others for a secret that cannot be guessed; on one machine it only warns', async () => {
    const tokens = [{ name: 'ops', secret: 'short' }];
    await expect(make({ host: '0.0.0.0', port: 0, tokens }).listen()).rejects.toThrow(/fewer than 16/);
    await make({ port: 0, tokens }).listen();
    expect(said[0]).toMatch(/^warn: token ops: the secret has fewer than 16/);
    expect(said.join()).not.toContain('short');
  });

  it('is served to others with one', async () => {
    const server = make({ host: '0.0.0.0', port: 0, tokens: [{ name: 'ops', secret: 'correct-horse-battery' }] });
    await server.listen();
    const health = `http://127.0.0.1:${server.port}/health`;
    expect((await fetch(health)).status).toBe(401);
    expect((await fetch(health, { headers: { authorization: 'Bearer correct-horse-battery' } })).status).toBe(200);
  });

  it('is gone once it is closed, however often', async () => {
    const server = make({ port: 0 });
    const url = await server.listen();
    const stream = await fetch(`${url}/api/events`);
    server.close();
    server.close();
    expect(server.url).toBeUndefined();
    expect(await stream.text()).toContain('event: overview');
    await expect(fetch(url)).rejects.toThrow();
  });

  it('names what is wrong with its options, and no secret', () => {
    const wrong = { port: 70_000, tokens: [{ name: 'ops', secrets: 's3cret' }], hots: 'x' } as unknown as ManagementOptions;
    expect(() => make(wrong)).toThrow(/port is 70000.*tokens\[0\]\.secrets is "\[\.\.\.\]".*hots is.*did you mean host\?/);
    expect(() => make(wrong)).not.toThrow(/s3cret/);
  });
});

describe('metrics at a port of their own', () => {
  it('are served there, and nothing else is', async () => {
    const server = new MetricsServer({ host: '127.0.0.1', port: 0 }, () => Promise.resolve('up 1\n'));
    open.push(server);
    await server.listen();
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/metrics`);
    expect(await (await fetch(server.url)).text()).toBe('up 1\n');
    expect((await fetch(server.url.replace('metrics', 'health'))).status).toBe(404);
    expect((await fetch(server.url, { method: 'POST' })).status).toBe(405);
  });
});
