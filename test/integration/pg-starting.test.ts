import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { pgRig } from '../support/pg-rig.ts';
import { type SlowProxy, startSlowProxy } from '../support/servers/slow-proxy.ts';

// After a crash PostgreSQL is at its port at once, answers SSLRequest, and turns log-ins away ("the database system is starting
// up") until it has recovered, which takes as long as there is to recover: here until it is told, as a standby.

const rig = pgRig({ settings: { hot_standby: 'off' } });
const { default: pg } = await import('pg');

let registry: Registry;
let proxy: SlowProxy;
let moves: string[];
beforeEach(async () => {
  // Only the server's own word brings service back within this test.
  registry = createRegistry({ defaults: { open: { durationMs: 300_000, maxMs: 300_000 } } });
  rig.instrumentation.setConfig({ registry });
  const own: string[] = [];
  moves = own;
  registry.on('added', ({ breaker }) => {
    breaker.on('transition', ({ from, to, trigger }) =>
      own.push(`${breaker.target.port} ${breaker.target.operation}: ${from} -> ${to} (${trigger})`),
    );
  });
  proxy = await startSlowProxy(rig.server.port);
});
afterEach(async () => {
  await proxy.stop();
});

it('a server that is still starting up is no server: nothing is sent to it, and every way to it is open as soon as it has recovered', {
  timeout: 60_000,
}, async () => {
  const ports = [rig.server.port, proxy.port];
  const pools = ports.map((port) => new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', database: 'shop', max: 3 }));
  const errors = new Set<unknown>();
  const call = () =>
    Promise.all(
      pools.flatMap((pool) => [
        pool.query('SELECT 1').catch((error: unknown) => errors.add((error as { code?: unknown }).code)),
        pool.query('CREATE TABLE IF NOT EXISTS news ()').catch((error: unknown) => errors.add((error as { code?: unknown }).code)),
      ]),
    );
  for (const pool of pools) pool.on('error', () => {});
  await call();
  const [row] = await rig.server.query('SHOW data_directory');
  const data = row?.['data_directory'] ?? '';

  await rig.server.kill();
  const allRefused = async (): Promise<void> => {
    errors.clear();
    await call();
    expect([...errors]).toEqual(['EBREAKEROPEN']);
  };
  await vi.waitFor(allRefused, { timeout: 20_000, interval: 5 });
  await writeFile(join(data, 'standby.signal'), '');
  const back = rig.server.restart();
  back.catch(() => {});
  const before = moves.length;
  for (const until = Date.now() + 3_000; Date.now() < until; await sleep(50)) await allRefused();
  expect(moves.slice(before)).toEqual([]);

  await writeFile(join(data, 'promote'), '');
  process.kill(rig.server.pid, 'SIGUSR1');
  await back;
  await vi.waitFor(
    async () => {
      errors.clear();
      await call();
      expect([...errors]).toEqual([]);
    },
    { timeout: 20_000, interval: 20 },
  );
  for (const pool of pools) await pool.end();
});
