import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/servers/free-port.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { repository, spawnApp } from '../support/spawn-app.ts';

interface Report {
  readonly target: string;
  readonly outcomes: Readonly<Record<string, unknown>>;
  readonly crashes: readonly string[];
  /** Whether the pool has all its clients back. */
  readonly idle: boolean;
}

let redis: ServerHandle;
let postgres: PostgresHandle;
let upstream: HttpUpstreamHandle;
let plain: string;

/** Our modules file by file, where they find their dependencies: what is published is bundled, and hides its classes. */
function compilePlainly(): string {
  const cache = join(repository, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, 'otel-breaker-plain-'));
  const compiler = [join(repository, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', directory];
  execFileSync(process.execPath, compiler, { cwd: repository });
  return directory;
}

beforeAll(async () => {
  plain = compilePlainly();
  [redis, postgres, upstream] = await Promise.all([startRedis(), startPostgres(), startHttpUpstream()]);
});

afterAll(async () => {
  await Promise.all([redis?.stop(), postgres?.stop(), upstream?.stop()]);
  rmSync(plain, { recursive: true, force: true });
});

describe('a fault inside this package', () => {
  it('changes no call, whichever part it is in: each comes to what it would without us', async () => {
    await using app = await spawnApp('faults/app.js', {
      imports: [join(plain, 'instrumentations/register.js')],
      ready: false,
      env: {
        OTEL_SDK_DISABLED: 'true',
        PLAIN_BUILD: plain,
        REDIS_PORT: String(redis.port),
        PG_PORT: String(postgres.port),
        UPSTREAM_URL: upstream.url,
        DEAD_URL: `http://127.0.0.1:${await freePort()}`,
      },
    });
    expect(await app.exited, app.stderr).toEqual({ code: 0, signal: null });
    const [bare, ...faulty] = app.messages as Report[];
    expect(bare).toMatchObject({
      outcomes: { redisPromise: 'value', poolPromise: 1, poolError: '42601', transaction: 3, submittable: 5, fetch: 200, fetchError: 'ECONNREFUSED' },
      crashes: [],
      idle: true,
    });
    expect(faulty.length).toBeGreaterThan(15);
    for (const { target, ...rest } of faulty) expect({ target, ...rest }).toEqual({ target, outcomes: bare?.outcomes, crashes: [], idle: true });
  });
});
