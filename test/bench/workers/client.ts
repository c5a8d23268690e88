// An application with one client; told by its parent when to work, and for how long.
import { createRequire } from 'node:module';
import { inSpan } from '../support/contenders.ts';

const load = createRequire(import.meta.url);
const [kind = '', port = '0'] = process.argv.slice(2);

/** Makes calls until told to stop, so many at a time; answers how many they were. */
type Work = () => Promise<number>;

async function redis(batch: 'single' | 'pipeline' | 'auto'): Promise<{ loops: number; work: Work }> {
  const { Redis } = load('ioredis') as typeof import('ioredis');
  const client = new Redis({ port: Number(port), host: '127.0.0.1', enableAutoPipelining: batch === 'auto' });
  await client.set('key', 'value');
  if (batch !== 'pipeline') return { loops: 50, work: () => client.get('key').then(() => 1) };
  const work = async (): Promise<number> => {
    const pipeline = client.pipeline();
    for (let command = 0; command < 50; command += 1) pipeline.get('key');
    await pipeline.exec();
    return 50;
  };
  return { loops: 4, work };
}

async function postgres(): Promise<{ loops: number; work: Work }> {
  const { Pool } = load('pg') as typeof import('pg');
  const pool = new Pool({ host: '127.0.0.1', port: Number(port), user: 'postgres', database: 'shop', max: 10 });
  await pool.query('SELECT 1');
  return { loops: 10, work: () => pool.query('SELECT 1').then(() => 1) };
}

async function http(): Promise<{ loops: number; work: Work }> {
  const work = async (): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    await response.text();
    return 1;
  };
  return { loops: 50, work };
}

const kinds: Record<string, () => Promise<{ loops: number; work: Work }>> = {
  'redis-get': () => redis('single'),
  'redis-pipeline': () => redis('pipeline'),
  'redis-auto': () => redis('auto'),
  postgres,
  fetch: http,
};

const { loops, work } = (await kinds[kind]?.()) ?? { loops: 0, work: async () => 0 };

async function slice(ms: number): Promise<{ calls: number; ms: number; cpuUs: number }> {
  const before = process.cpuUsage();
  const started = performance.now();
  let calls = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() - started < ms) {
      // Not `calls += await`: that adds to what the count was before the wait.
      const done = await work();
      calls += done;
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
  const { user, system } = process.cpuUsage(before);
  return { calls, ms: performance.now() - started, cpuUs: user + system };
}

process.on('message', ({ ms }: { ms: number }) => {
  // OpenTelemetry's instrumentations make spans below a span only.
  const run = process.env['BENCH_SPANS'] === '1' ? inSpan(() => slice(ms)) : slice(ms);
  run.then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
