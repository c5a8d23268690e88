// The demo: an ordinary shop service without and with `--import otel-breaker/register`, under the same load, through the
// same outages. Run it by `npm run demo`, and with arguments `npm run demo -- --stay --prometheus --seconds 330`:
// --stay keeps everything up afterwards; --prometheus starts a Prometheus with the rules that ship, and tells which alerts
// fired and resolved; --seconds is the length of each outage (by default 6 to 12: too short for alerts that wait for minutes).
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { repository } from '../../test/support/spawn-app.ts';
import { type AlertWatch, alertSummary, watchAlerts } from './alerts.ts';
import { readBreakers } from './breakers.ts';
import { type Bridged, bridgedIn, bridgedProblems, bridgedSummary, readServed, type Served } from './bridged.ts';
import { type LiveView, startLiveView } from './live-view.ts';
import { clientTimeoutMs, type Load, type Sample, startLoad } from './load.ts';
import { measureOutage, measureRecovery, wasTooBusy } from './measure.ts';
import { type Outage, outages } from './outages.ts';
import { legend, notJudged, problemsOf, type Row, table, telemetrySummary } from './report.ts';
import { breakerSpans, writeTraces } from './traces.ts';
import { startWorld, type World } from './world.ts';

const requestsPerSecond = 40;
const warmUpMs = 4_000;
const recoveryMs = 12_000;
const shops = ['without', 'with'] as const;
const tracesFile = join(repository, '.demo/traces.json');

const { values: wanted } = parseArgs({
  options: { stay: { type: 'boolean', default: false }, prometheus: { type: 'boolean', default: false }, seconds: { type: 'string' } },
});
const outageSeconds = wanted.seconds === undefined ? undefined : Number(wanted.seconds);
if (outageSeconds !== undefined && !(outageSeconds >= 6 && outageSeconds <= 3_600)) {
  console.error(`--seconds ${wanted.seconds}: a number from 6 to 3600 is allowed`);
  process.exit(2);
}
/** Alerts look back for 10 to 15 minutes, or go on for some minutes: so long they are given to resolve, in ms. */
const alertPatienceMs = 20 * 60_000;

const interrupted = new AbortController();
const { signal } = interrupted;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interrupted.abort());
const pause = (ms: number) => sleep(ms, undefined, { signal });

/** When an outage began, ended, and was no longer watched; what the upstream received during it. Moments of performance.now(). */
interface Played {
  outage: Outage;
  from: number;
  /** When it was on for certain. */
  on: number;
  to: number;
  restored?: number;
  watchedUntil: number;
  /** By the protected shop, where it bridges the outage. */
  served?: Served;
  /** Calls that went to the dead server, by shop; undefined where nobody counts them. */
  reached: (number | undefined)[];
}

/** Requests so young may still be waiting: full service is judged without them. */
const settlingMs = 300;

/** One outage from its start to full service or, when that does not come, to the end of our patience. */
async function play(outage: Outage, world: World, load: Load, view: LiveView): Promise<Played> {
  view.announce(outage.title);
  const before = await reached(outage, world);
  const from = performance.now();
  await outage.begin(world);
  const on = performance.now();
  await pause((outageSeconds ?? outage.seconds) * 1_000);
  const to = performance.now();
  const after = await reached(outage, world);
  const calls = after.map((count, shop) => (count === undefined ? undefined : count - (before[shop] ?? 0)));
  const served = outage.bridged ? { served: await readServed(world.metricsUrl) } : {};
  if (outage.end === undefined) return { outage, from, on, to, watchedUntil: to, reached: calls };

  await outage.end(world);
  const restored = performance.now();
  view.announce(`${outage.title}: restored`);
  const recovered = () =>
    shops.every((_, shop) => measureRecovery(samplesOf(load, shop, outage), restored, performance.now() - settlingMs) !== undefined);
  while (performance.now() < restored + recoveryMs && !recovered()) await pause(200);
  return { outage, from, on, to, restored, watchedUntil: performance.now() - settlingMs, reached: calls, ...served };
}

/** Calls so far that went to the server of an outage, by shop: as the upstream counts, or for Redis the breakers. */
async function reached({ group }: Outage, world: World): Promise<(number | undefined)[]> {
  if (group === 'http') return shops.map((shop) => world.upstream.requestsByPath[world[shop].upstreamPath] ?? 0);
  if (group === 'postgres') return [];
  const breakers = await readBreakers(world.metricsUrl);
  const ofRedis = breakers.filter(({ name }) => name.startsWith('redis://'));
  return [undefined, ofRedis.reduce((total, { calls, inFlight }) => total + calls + inFlight, 0)];
}

function rowsOf({ outage, from, on, to, restored, watchedUntil, reached }: Played, load: Load): Row[] {
  const healthy = (load.results[0]?.samples ?? []).filter(({ group }) => group !== outage.group);
  const tooBusy = wasTooBusy(healthy, from, watchedUntil);
  return shops.map((shop, index) => {
    const samples = samplesOf(load, index, outage);
    const result = outage.bridged ? measureOutage(samples, on, to, 'answers') : measureOutage(samples, from, to);
    const recoveryMs = restored === undefined ? 'next' : measureRecovery(samples, restored, watchedUntil);
    return { ...result, outage: outage.title, shop, reached: reached[index] ?? result.notRefused, recoveryMs, tooBusy };
  });
}

function samplesOf(load: Load, shop: number, { group }: Outage): Sample[] {
  return (load.results[shop]?.samples ?? []).filter((sample) => sample.group === group);
}

async function run(stay: boolean): Promise<number> {
  console.log('Starting redis-server, PostgreSQL, an upstream and the shop twice: without and with --import otel-breaker/register');
  const world = await startWorld({ withPrometheus: wanted.prometheus });
  const alerts = world.prometheus && watchAlerts(world.prometheus);
  console.log(`The protected shop's live page: ${world.managementUrl}/ (its token, to control circuits: ${world.adminToken})`);
  if (world.prometheus !== undefined) console.log(`Prometheus: ${world.prometheus.url}/alerts`);
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
    if (alerts !== undefined) {
      await untilResolved(alerts, load);
      load.setRate(stay ? 2 : 0);
    }
    const rows = played.flatMap((each) => rowsOf(each, load));
    const problems: string[] = alerts?.firing.map(({ alert, about }) => `${alert} still fires for ${about}`) ?? [];
    const breakers = await readBreakers(world.metricsUrl).catch((error: Error) => {
      problems.push(`the metrics endpoint ${world.metricsUrl} cannot be read: ${error.message}`);
      return [];
    });
    const bridged = await bridgedBy(played, world, load);
    const served = played.find((each) => each.served !== undefined)?.served ?? { stale: 0, queue: 0 };
    const spans = breakerSpans(world.receiver.spans);
    const traces = await writeTraces(tracesFile, world.receiver);

    console.log(`\n${table(rows)}\n\n${legend}\n\n${bridgedSummary(bridged, served)}\n\n${telemetrySummary(breakers, spans)}\n`);
    if (alerts !== undefined) console.log(`${alertSummary(alerts)}\n`);
    console.log(`Traces: ${traces} of them in ${relative(process.cwd(), tracesFile)} (OTLP JSON; Jaeger's page takes it by "Upload")`);
    console.log('Metrics: each shop that runs with the preload has them; `npm run demo -- --stay` keeps the endpoint up to look at');
    problems.push(...problemsOf(rows, breakers, spans), ...bridgedProblems(bridged, served), ...world.receiver.problems);
    if (problems.length > 0) console.error(`\nThe protected shop printed:\n${world.with.app.stdout}${world.with.app.stderr}`);
    for (const each of notJudged(rows)) console.log(`NOT JUDGED: ${each}`);
    for (const problem of problems) console.error(`NOT AS IT SHOULD BE: ${problem}`);
    if (stay) await keepUp(world);
    return problems.length === 0 ? 0 : 1;
  } finally {
    alerts?.stop();
    view.stop();
    load.stop();
    await world.stop();
  }
}

/** With the servers well and a little traffic, every alert ends. */
async function untilResolved(alerts: AlertWatch, load: Load): Promise<void> {
  load.setRate(2);
  let told = '';
  for (const deadline = performance.now() + alertPatienceMs; alerts.firing.length > 0 && performance.now() < deadline; await pause(1_000)) {
    const names = [...new Set(alerts.firing.map(({ alert }) => alert))].join(', ');
    if (names !== told) console.log(`Waiting for Prometheus to resolve ${names}`);
    told = names;
  }
}

/** What became of the requests during the outage that the protected shop is configured to bridge. */
async function bridgedBy(played: readonly Played[], world: World, load: Load): Promise<Bridged[]> {
  const made: Bridged[] = [];
  for (const { outage, on, to } of played) {
    if (!outage.bridged) continue;
    for (const [index, shop] of shops.entries()) {
      const during = samplesOf(load, index, outage).filter(({ startedAt }) => startedAt >= on && startedAt < to);
      made.push(await bridgedIn(shop, during, world[shop].redisUrl));
    }
  }
  return made;
}

/** Until Ctrl-C. */
async function keepUp(world: World): Promise<void> {
  console.log(`\nAll is kept up until Ctrl-C, with a little load:
  live page                      ${world.managementUrl}/ (token: ${world.adminToken})
  command line                   npx otel-breaker status --url ${world.managementUrl}
                                 npx otel-breaker open 'redis://* read' --url ${world.managementUrl} --token ${world.adminToken}
  metrics of the protected shop  ${world.metricsUrl}${world.prometheus === undefined ? '' : `\n  Prometheus                     ${world.prometheus.url}/alerts`}
  protected shop                 ${world.with.url}/products (/cart/1, /shipping)
  unprotected shop               ${world.without.url}/products
  break something                kill -STOP ${world.redis.pid} (Redis; kill -CONT ${world.redis.pid} restores it)`);
  const forget = setInterval(() => world.receiver.clear(), 60_000);
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  clearInterval(forget);
}

try {
  process.exitCode = await run(wanted.stay);
} catch (error) {
  if (!signal.aborted) throw error;
  console.log('\nInterrupted.');
  process.exitCode = 130;
}
