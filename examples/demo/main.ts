// The demo: an ordinary shop service without and with `--import otel-breaker/register`, under the same load, through the
// same outages. Run it by `npm run demo`; `npm run demo -- --stay` keeps everything up afterwards.
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repository } from '../../test/support/spawn-app.ts';
import { readBreakers } from './breakers.ts';
import { type LiveView, startLiveView } from './live-view.ts';
import { clientTimeoutMs, type Load, type Sample, startLoad } from './load.ts';
import { measureOutage, measureRecovery } from './measure.ts';
import { type Outage, outages } from './outages.ts';
import { legend, problemsOf, type Row, table, telemetrySummary } from './report.ts';
import { breakerSpans, writeTraces } from './traces.ts';
import { startWorld, type World } from './world.ts';

const requestsPerSecond = 40;
const warmUpMs = 4_000;
const recoveryMs = 12_000;
const shops = ['without', 'with'] as const;
const tracesFile = join(repository, '.demo/traces.json');

const interrupted = new AbortController();
const { signal } = interrupted;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interrupted.abort());
const pause = (ms: number) => sleep(ms, undefined, { signal });

/** When an outage began, ended, and was no longer watched; what the upstream received during it. Moments of performance.now(). */
interface Played {
  outage: Outage;
  from: number;
  to: number;
  restored?: number;
  watchedUntil: number;
  /** By shop. */
  reachedUpstream: number[];
}

/** Requests so young may still be waiting: full service is judged without them. */
const settlingMs = 300;

/** One outage from its start to full service or, when that does not come, to the end of our patience. */
async function play(outage: Outage, world: World, load: Load, view: LiveView): Promise<Played> {
  const reached = () => shops.map((shop) => world.upstream.requestsByPath[world[shop].upstreamPath] ?? 0);
  view.announce(outage.title);
  const before = reached();
  const from = performance.now();
  await outage.begin(world);
  await pause(outage.seconds * 1_000);
  const to = performance.now();
  const reachedUpstream = reached().map((count, shop) => count - (before[shop] ?? 0));
  if (outage.end === undefined) return { outage, from, to, watchedUntil: to, reachedUpstream };

  await outage.end(world);
  const restored = performance.now();
  view.announce(`${outage.title}: restored`);
  const recovered = () =>
    shops.every((_, shop) => measureRecovery(samplesOf(load, shop, outage), restored, performance.now() - settlingMs) !== undefined);
  while (performance.now() < restored + recoveryMs && !recovered()) await pause(200);
  return { outage, from, to, restored, watchedUntil: performance.now() - settlingMs, reachedUpstream };
}

function rowsOf({ outage, from, to, restored, watchedUntil, reachedUpstream }: Played, load: Load): Row[] {
  return shops.map((shop, index) => {
    const samples = samplesOf(load, index, outage);
    const result = measureOutage(samples, from, to);
    const reached = outage.group === 'http' ? (reachedUpstream[index] ?? 0) : result.notRefused;
    const recoveryMs = restored === undefined ? 'next' : measureRecovery(samples, restored, watchedUntil);
    return { ...result, outage: outage.title, shop, reached, recoveryMs };
  });
}

function samplesOf(load: Load, shop: number, { group }: Outage): Sample[] {
  return (load.results[shop]?.samples ?? []).filter((sample) => sample.group === group);
}

async function run(stay: boolean): Promise<number> {
  console.log('Starting redis-server, PostgreSQL, an upstream and the shop twice: without and with --import otel-breaker/register');
  const world = await startWorld();
  const load = startLoad([world.without.port, world.with.port], requestsPerSecond);
  const view = startLiveView(load, world.metricsUrl);
  try {
    view.announce('all is well');
    await pause(warmUpMs);
    const played: Played[] = [];
    for (const outage of outages) played.push(await play(outage, world, load, view));
    load.setRate(stay ? 2 : 0);
    // The last requests that still wait belong to the figures, and the last batch of spans is on its way.
    const last = played.at(-1)?.to ?? 0;
    await pause(Math.max(2_000, last + clientTimeoutMs + 500 - performance.now()));
    view.stop();
    const rows = played.flatMap((each) => rowsOf(each, load));
    const problems: string[] = [];
    const breakers = await readBreakers(world.metricsUrl).catch((error: Error) => {
      problems.push(`the metrics endpoint ${world.metricsUrl} cannot be read: ${error.message}`);
      return [];
    });
    const spans = breakerSpans(world.receiver.spans);
    const traces = await writeTraces(tracesFile, world.receiver);

    console.log(`\n${table(rows)}\n\n${legend}\n\n${telemetrySummary(breakers, spans)}\n`);
    console.log(`Traces: ${traces} of them in ${relative(process.cwd(), tracesFile)} (OTLP JSON; Jaeger's page takes it by "Upload")`);
    console.log('Metrics: each shop that runs with the preload has them; `npm run demo -- --stay` keeps the endpoint up to look at');
    problems.push(...problemsOf(rows, breakers, spans), ...world.receiver.problems);
    if (problems.length > 0) console.error(`\nThe protected shop printed:\n${world.with.app.stdout}${world.with.app.stderr}`);
    for (const problem of problems) console.error(`NOT AS IT SHOULD BE: ${problem}`);
    if (stay) await keepUp(world);
    return problems.length === 0 ? 0 : 1;
  } finally {
    view.stop();
    load.stop();
    await world.stop();
  }
}

/** Until Ctrl-C. */
async function keepUp(world: World): Promise<void> {
  console.log(`\nAll is kept up until Ctrl-C, with a little load:
  metrics of the protected shop  ${world.metricsUrl}
  protected shop                 ${world.with.url}/products (/cart/1, /shipping)
  unprotected shop               ${world.without.url}/products
  break something                kill -STOP ${world.redis.pid} (Redis; kill -CONT ${world.redis.pid} restores it)`);
  const forget = setInterval(() => world.receiver.clear(), 60_000);
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  clearInterval(forget);
}

const stay = process.argv.includes('--stay');
try {
  process.exitCode = await run(stay);
} catch (error) {
  if (!signal.aborted) throw error;
  console.log('\nInterrupted.');
  process.exitCode = 130;
}
