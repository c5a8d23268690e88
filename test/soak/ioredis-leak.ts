// npx tsx test/soak/ioredis-leak.ts [--calls 1000000] [--clients 10000] [--preload file]
// What a million commands of every kind, then ten thousand short-lived clients, leave in memory: guarded and bare.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { startRedis } from '../support/servers/redis.ts';
import { slope } from './trend.ts';

interface Phase {
  readonly name: string;
  /** Heap after collection, in bytes, by how many were done. */
  readonly points: readonly (readonly [done: number, bytes: number])[];
  readonly seconds: number;
}

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000000' },
    clients: { type: 'string', default: '10000' },
    preload: { type: 'string', default: 'otel-breaker/register' },
  },
});
/** Bytes per call and per client beyond the bare ones': a leaked object of any kind is more. */
const allowed: Readonly<Record<string, number>> = { calls: 2, clients: 100 };

const run = promisify(execFile);
const worker = fileURLToPath(new URL('./ioredis-leak-worker.mjs', import.meta.url));
async function measure(preloads: readonly string[]): Promise<Phase[]> {
  await using server = await startRedis();
  const args = ['--expose-gc', ...preloads, worker, `${server.port}`, values.calls, values.clients];
  const { stdout, stderr } = await run(process.execPath, args, { env: { ...process.env, OTEL_BREAKER_SDK: 'off' } });
  if (stderr !== '') process.stdout.write(stderr);
  return JSON.parse(stdout) as Phase[];
}

const bare = await measure([]);
const guarded = await measure(['--import', values.preload]);
process.stdout.write('| | bytes left by each, guarded | bare | seconds, guarded | bare |\n| --- | ---: | ---: | ---: | ---: |\n');
for (const [index, { name, points, seconds }] of guarded.entries()) {
  const other = bare[index];
  if (other === undefined) continue;
  // The first points are caches and compiled code.
  const [mine, theirs] = [points, other.points].map((each) => slope(each.slice(2))) as [number, number];
  const figures = [mine.toFixed(2), theirs.toFixed(2), seconds.toFixed(0), other.seconds.toFixed(0)];
  process.stdout.write(`| ${points.at(-1)?.[0]} ${name} | ${figures.join(' | ')} |\n`);
  if (mine > Math.max(0, theirs) + (allowed[name] ?? 0)) process.exitCode = 1;
}
process.stdout.write(process.exitCode === 1 ? 'LEAKS\n' : 'flat\n');
