// npx tsx test/soak/fetch-leak.ts [--calls 1000000] [--preload file]
// What a million fetches leave in memory: bodies read, unread, cancelled and aborted; guarded and bare.
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { slope } from './trend.ts';

interface Run {
  /** Heap after collection, in bytes, by how many calls were done. */
  readonly points: readonly (readonly [done: number, bytes: number])[];
  readonly seconds: number;
  /** Calls that the breakers still count as under way, and that they have refused; none without a preload. */
  readonly inFlight: number;
  readonly refused: number;
}

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000000' },
    preload: { type: 'string', default: 'otel-breaker/register' },
  },
});
/** Bytes per call beyond the bare ones': a leaked object of any kind is more. */
const allowed = 2;

const run = promisify(execFile);
const worker = fileURLToPath(new URL('./fetch-leak-worker.mjs', import.meta.url));

async function measure(preloads: readonly string[]): Promise<Run> {
  const server = fork(worker, ['serve'], { execArgv: [] });
  try {
    const [port] = (await once(server, 'message')) as [number];
    const args = ['--expose-gc', ...preloads, worker, 'call', `${port}`, values.calls];
    const { stdout, stderr } = await run(process.execPath, args, { env: { ...process.env, OTEL_BREAKER_SDK: 'off' } });
    if (stderr !== '') process.stdout.write(stderr);
    return JSON.parse(stdout) as Run;
  } finally {
    server.kill();
  }
}

const bare = await measure([]);
const guarded = await measure(['--import', values.preload]);
// The first points are caches and compiled code.
const [mine, theirs] = [guarded, bare].map(({ points }) => slope(points.slice(3))) as [number, number];
process.stdout.write('| fetches | bytes left by each, guarded | bare | seconds, guarded | bare | permits out |\n');
process.stdout.write('| ---: | ---: | ---: | ---: | ---: | ---: |\n');
const figures = [mine.toFixed(2), theirs.toFixed(2), guarded.seconds.toFixed(0), bare.seconds.toFixed(0), guarded.inFlight];
process.stdout.write(`| ${values.calls} | ${figures.join(' | ')} |\n`);
if (mine > Math.max(0, theirs) + allowed || guarded.inFlight > 0 || guarded.refused > 0) process.exitCode = 1;
process.stdout.write(process.exitCode === 1 ? `LEAKS (or refused ${guarded.refused})\n` : 'flat\n');
