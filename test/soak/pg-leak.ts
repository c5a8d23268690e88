// Whether anything is left of calls, pools and clients of pg that are over, by hand:
//   npx tsx test/soak/pg-leak.ts guarded|bare [calls, default 1,000,000] [pools and clients, default 10,000]
// Prints the heap in use at ten points of each phase, as JSON; exits 1 where it has grown by more than 2 MB between the
// second point and the last, or something is still under way.
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { guardPgInstance } from '../../instrumentations/pg/guard-instance.ts';
import { PgBreakerInstrumentation } from '../../instrumentations/pg/instrumentation.ts';
import { setDefaultRegistry } from '../../instrumentations/shared/default-registry.ts';
import { ClientProtection } from '../../instrumentations/shared/protect-client.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { startPostgres } from '../support/servers/postgres.ts';

const [way = 'guarded', calls = '1000000', holders = '10000'] = process.argv.slice(2);
const points = 10;
const limitBytes = 2_000_000;

const registry = createRegistry();
setDefaultRegistry(registry);
if (way === 'guarded') new PgBreakerInstrumentation({ registry });
const protection = new ClientProtection([guardPgInstance]);
const { default: pg } = await import('pg');

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
async function heapInUse(): Promise<number> {
  for (let round = 0; round < 4; round += 1) {
    await sleep(20);
    gc();
  }
  return process.memoryUsage().heapUsed;
}

/** Runs it `count` times, `width` at a time, and looks at the heap at each tenth. */
async function phase(count: number, width: number, once: () => Promise<unknown>): Promise<number[]> {
  const heaps: number[] = [];
  for (let point = 0; point < points; point += 1) {
    let left = Math.ceil(count / points);
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await once();
      }
    };
    await Promise.all(Array.from({ length: width }, lane));
    heaps.push(await heapInUse());
  }
  return heaps;
}

await using server = await startPostgres();
const newPool = (max: number) => {
  const pool = new pg.Pool({ connectionString: server.url, max });
  pool.on('error', () => {});
  return way === 'guarded' ? protection.protect(pool) : pool;
};

const shared = newPool(10);
const began = performance.now();
const heaps = {
  calls: await phase(Number(calls), 50, () => shared.query('SELECT 1')),
  pools: await phase(Number(holders), 4, async () => {
    const pool = newPool(1);
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('COMMIT');
    client.release();
    await pool.query('SELECT 1');
    await pool.end();
  }),
  clients: await phase(Number(holders), 4, async () => {
    const client = new pg.Client(server.url);
    await client.connect();
    await client.query('SELECT 1');
    await client.end();
  }),
};
await shared.end();

const growth = Object.fromEntries(Object.entries(heaps).map(([name, [, second = 0, ...rest]]) => [name, (rest.at(-1) ?? 0) - second]));
const inFlight = registry.list().reduce((sum, each) => sum + each.inFlight, 0);
const succeeded = registry.list().reduce((sum, each) => sum + each.snapshot().calls.success, 0);
const report = {
  way,
  seconds: Math.round((performance.now() - began) / 1_000),
  heaps,
  growth,
  inFlight,
  succeeded,
  pools: [...registry.pools.read()].length,
};
console.log(JSON.stringify(report, undefined, 2));
if (inFlight > 0 || report.pools > 0 || Object.values(growth).some((bytes) => bytes > limitBytes)) process.exitCode = 1;
