import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { pgRig } from '../support/pg-rig.ts';
import { type SlowProxy, startSlowProxy } from '../support/servers/slow-proxy.ts';

// A server behind a proxy: dead, it does not refuse connections but breaks them, so that circuits open by counted failures.

const rig = pgRig();
const { default: pg } = await import('pg');
type Pool = InstanceType<typeof pg.Pool>;

let proxy: SlowProxy;
let pool: Pool;
/** Classes whose circuits have opened since it was emptied last. */
const opened = new Set<string | undefined>();
beforeEach(async () => {
  opened.clear();
  rig.registry.on('added', ({ breaker }) => {
    breaker.on('transition', ({ to }) => to === 'open' && opened.add(breaker.target.operation));
  });
  proxy = await startSlowProxy(rig.server.port);
  pool = new pg.Pool({ ...address(), max: 5 });
  pool.on('error', () => {});
});
afterEach(async () => {
  await pool.end();
  await proxy.stop();
});

const address = () => ({ host: '127.0.0.1', port: proxy.port, user: 'postgres', database: 'shop' });
const state = (operation: string) => rig.registry.find(`postgresql://127.0.0.1:${proxy.port}/shop ${operation}`)?.state;
const states = (...operations: readonly string[]) => operations.map(state);

/** A connection of its own, and what is asked on it. */
async function connected(query?: string): Promise<void> {
  const client = new pg.Client(address());
  client.on('error', () => {});
  try {
    await client.connect();
    if (query !== undefined) await client.query(query);
  } finally {
    await client.end().catch(() => {});
  }
}
/** What a program does once and then for hours not again. */
const listen = () => connected('LISTEN news');

async function failUntilOpen(...operations: readonly string[]): Promise<void> {
  opened.clear();
  while (!operations.every((each) => opened.has(each))) {
    await pool.query('SELECT 1').catch(() => {});
    // Reads that are refused connect no more: whether those before were enough to open this class too is chance.
    if (operations.includes('connect')) await connected().catch(() => {});
    await sleep(5);
  }
}

/** How long it takes from now until calls succeed again, in ms. */
async function backIn(call: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await vi.waitFor(call, { timeout: 20_000, interval: 20 });
  return performance.now() - from;
}

async function listened(): Promise<void> {
  await pool.query('SELECT 1');
  await listen();
  expect(states('read', 'listen')).toEqual(['closed', 'closed']);
}

it('a dead server behind a proxy: every class is served about a second after its return, whoever asked last', { timeout: 60_000 }, async () => {
  await listened();
  await rig.server.kill();
  await failUntilOpen('read', 'listen', 'connect');
  await rig.server.restart();
  expect(await backIn(() => pool.query('SELECT 1'))).toBeLessThan(2_500);
  expect(states('listen', 'connect')).not.toContain('open');
  await listen();
});

it('a class that is seldom asked for does not wait out its time when its server failed again before it had been', { timeout: 60_000 }, async () => {
  await listened();
  await rig.server.kill();
  await failUntilOpen('read', 'listen');
  await rig.server.restart();
  await backIn(() => pool.query('SELECT 1'));
  expect(state('listen')).toBe('half_open');
  await proxy.refuse(true);
  await failUntilOpen('read', 'listen');
  await proxy.refuse(false);
  for (let call = 0; call < 5; call += 1) await backIn(() => pool.query('SELECT 1'));
  expect(state('read')).toBe('closed');
  expect(state('listen')).toBe('half_open');
  await listen();
});
