import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { repository } from '../support/spawn-app.ts';

let redis: ServerHandle;
let postgres: PostgresHandle;
let upstream: HttpUpstreamHandle;

beforeAll(async () => {
  [redis, postgres, upstream] = await Promise.all([startRedis(), startPostgres(), startHttpUpstream()]);
});

afterAll(async () => {
  await Promise.all([redis?.stop(), postgres?.stop(), upstream?.stop()]);
});

/** What jest says of its tests, and how it ended. */
function jest(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const config = join(repository, 'test/integration/apps/jest/jest.config.cjs');
    const child = spawn(process.execPath, [join(repository, 'node_modules/jest/bin/jest.js'), '--config', config, ...args], {
      cwd: repository,
      env: {
        PATH: process.env.PATH,
        NODE_OPTIONS: '--import otel-breaker/register',
        OTEL_SDK_DISABLED: 'true',
        REDIS_PORT: String(redis.port),
        PG_PORT: String(postgres.port),
        UPSTREAM_URL: upstream.url,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

// In its own process, or in child processes.
it.each(['--runInBand', '--maxWorkers=2'])('calls from the tests of jest are admitted once each (%s)', async (how) => {
  const { code, output } = await jest([how, 'guarded']);
  expect(code, output).toBe(0);
  expect(output).toMatch(/Tests: +2 passed/);
});

it('removal restores what jest has loaded, and later tests find nothing', async () => {
  const { code, output } = await jest(['--runInBand', 'removed']);
  expect(code, output).toBe(0);
});

it('a test runner of its own SDK setting is told of nothing', async () => {
  const { code, output } = await jest(['--runInBand', 'guarded'], { OTEL_SDK_DISABLED: 'false', OTEL_BREAKER_SDK: 'off' });
  expect(code, output).toBe(0);
  expect(output).not.toMatch(/otel-breaker|Warning/i);
});
