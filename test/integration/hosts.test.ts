import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/servers/free-port.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { repository } from '../support/spawn-app.ts';

const apps = join(repository, 'test/integration/apps/hosts');
const register = ['--import', 'otel-breaker/register'];
const once = { redis: 1, postgresql: 1, http: 1 };

let redis: ServerHandle;
let postgres: PostgresHandle;
let upstream: HttpUpstreamHandle;

beforeAll(async () => {
  [redis, postgres, upstream] = await Promise.all([startRedis(), startPostgres(), startHttpUpstream()]);
});

afterAll(async () => {
  await Promise.all([redis?.stop(), postgres?.stop(), upstream?.stop()]);
});

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of stdout that are JSON objects. */
  readonly reports: unknown[];
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, input?: string): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: repository,
      env: {
        PATH: process.env.PATH,
        REDIS_PORT: String(redis.port),
        PG_PORT: String(postgres.port),
        UPSTREAM_URL: upstream.url,
        OTEL_SDK_DISABLED: 'true',
        ...env,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    child.stdin.end(input ?? '');
    child.once('error', reject);
    child.once('close', (code) => {
      const reports = output.stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as unknown] : []));
      resolve({ code, ...output, reports });
    });
  });
}

describe('each call is admitted once', () => {
  it.each([
    ['in a worker thread', [...register, join(apps, 'worker.cjs')], 1],
    ['in the workers of a cluster', [...register, join(apps, 'cluster.cjs')], 2],
    ['under tsx', [...register, '--import', 'tsx', join(apps, 'typed.mts')], 1],
    ['under tsx, named first', ['--import', 'tsx', ...register, join(apps, 'typed.mts')], 1],
    ['beside a second copy of the preload', ['--require', 'otel-breaker/register', ...register, join(apps, 'plain.cjs')], 1],
    ['in a child of npm', [...register, '--title=npm', join(apps, 'plain.cjs')], 1],
  ])('%s', async (_name, args, count) => {
    const result = await run(args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.reports).toEqual(Array.from({ length: count }, () => once));
  });

  it('by NODE_OPTIONS, down to the children of children', async () => {
    const result = await run([join(apps, 'cluster.cjs')], { NODE_OPTIONS: register.join(' ') });
    expect(result).toMatchObject({ code: 0, stderr: '', reports: [once, once] });
  });

  it.each(['forks', 'threads'])('in vitest, pool %s', async (pool) => {
    const vitest = join(repository, 'node_modules/vitest/vitest.mjs');
    const result = await run([vitest, 'run', '--root', apps, '--pool', pool], { NODE_OPTIONS: register.join(' ') });
    expect(result.code, result.stdout + result.stderr).toBe(0);
  });

  it('in a program from the command line or from standard input', async () => {
    const program = `require(${JSON.stringify(join(apps, 'plain.cjs'))})`;
    expect((await run([...register, '--eval', program])).reports).toEqual([once]);
    expect((await run([...register, '-'], {}, program)).reports).toEqual([once]);
  });
});

it('a signal ends a process that is caught in a loop, as it does without us', async () => {
  const child = spawn(process.execPath, [...register, join(apps, 'caught-in-a-loop.cjs')], {
    cwd: repository,
    env: { PATH: process.env.PATH, UPSTREAM_URL: upstream.url, OTEL_SDK_DISABLED: 'true' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.once('data', () => child.kill('SIGTERM'));
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const patience = setTimeout(() => child.kill('SIGKILL'), 20_000);
  expect(await ended).toEqual({ code: null, signal: 'SIGTERM' });
  clearTimeout(patience);
});

describe('a process that has nothing more to do', () => {
  const sdk = { OTEL_SDK_DISABLED: 'false', OTEL_BREAKER_SDK: 'on', OTEL_BREAKER_PROMETHEUS_PORT: '0' };

  it('ends at once when nobody receives its telemetry, and keeps its exit code', async () => {
    const result = await run([...register, join(apps, 'one-fetch.mjs')], {
      ...sdk,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
    });
    expect(result).toMatchObject({ code: 7, stderr: '' });
    // An exporter would go on trying for ten seconds; a bound against that, far from what it takes.
    expect((result.reports[0] as { ms: number }).ms).toBeLessThan(8_000);
  });

  it('ends soon when its receiver hangs, and keeps its exit code', async () => {
    await using receiver = await startOtlpReceiver();
    receiver.behave('hang');
    const result = await run([...register, join(apps, 'one-fetch.mjs')], { ...sdk, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    expect(result).toMatchObject({ code: 7, stderr: '' });
    expect((result.reports[0] as { ms: number }).ms).toBeLessThan(8_000);
  });
});
