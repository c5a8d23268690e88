import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readDeadLetters } from '../../src/storage/dead-letters.ts';
import { parsePrometheus, sampleValue } from '../support/prometheus.ts';
import { startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

// Policies by configuration file alone: an app that knows nothing of us, on a Redis that is killed, frozen and restarted.

interface Ended {
  readonly value?: unknown;
  readonly code?: string;
  readonly cause?: string;
  readonly ms: number;
}

let server: ServerHandle;
let folder: string;
const apps: SpawnedApp[] = [];
const clients: Redis[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'otel-breaker-policies-'));
  server = await startRedis({ args: ['--enable-debug-command', 'yes'] });
});
afterEach(async () => {
  server.thaw();
  for (const client of clients.splice(0)) client.disconnect();
  await Promise.all(apps.splice(0).map((app) => app.stop()));
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const preload = ['otel-breaker/register'];

async function start(yaml: string, env: Record<string, string> = {}, hooks: string[] = []): Promise<SpawnedApp> {
  const file = join(folder, 'otel-breaker.yaml');
  writeFileSync(file, `version: 1\n${yaml.replaceAll('FOLDER', folder)}`);
  const app = await spawnApp('policies/redis.mjs', {
    imports: [...hooks, ...preload],
    env: {
      OTEL_BREAKER_CONFIG_FILE: file,
      OTEL_BREAKER_SDK: 'on',
      OTEL_BREAKER_PROMETHEUS_PORT: '0',
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      REDIS_PORT: String(server.port),
      ...env,
    },
  });
  apps.push(app);
  return app;
}
const call = (app: SpawnedApp, ...command: unknown[]) => app.get<Ended>('call', ...command);
const value = async (app: SpawnedApp, ...command: unknown[]) => (await call(app, ...command)).value;
/** A client of the test's own, unguarded. */
function bare(db = 0): Redis {
  const client = new Redis(server.port, '127.0.0.1', { db, retryStrategy: () => 50 });
  client.on('error', () => {});
  clients.push(client);
  return client;
}
/** Until the app's circuits know that the server is away. */
async function untilRefused(app: SpawnedApp, ...command: unknown[]): Promise<void> {
  await vi.waitFor(async () => expect((await call(app, ...command)).code).toBe('EBREAKEROPEN'), { timeout: 15_000, interval: 50 });
}
async function metric(app: SpawnedApp, name: string, labels: Record<string, string>): Promise<number | undefined> {
  return sampleValue(parsePrometheus(await app.get<string>('metrics')), name, labels);
}
const redisName = (operation: string) => `redis://127.0.0.1:${server.port} ${operation}`;

const outages: [string, () => Promise<void>, () => Promise<void>][] = [
  ['killed', () => server.kill(), () => server.restart()],
  ['frozen', async () => server.freeze(), async () => server.thaw()],
];

describe.each(outages)('stale answers of a %s Redis', (kind, away, back) => {
  it('are served as copies, in the form that is asked for, and counted', async () => {
    const app = await start('breakers:\n  - match: { system: redis, operation: read }\n    fallback: { stale: { maxAgeMs: 10m } }\n');
    await call(app, 'set', 'a', 'ä');
    await call(app, 'hset', 'h', 'x', '1');
    expect(await value(app, 'get', 'a')).toBe('ä');
    expect(await value(app, 'hgetall', 'h')).toEqual({ x: '1' });
    await call(app, 'get', 'never');

    await away();
    const served = await call(app, 'get', 'a');
    expect(served).toMatchObject({ value: 'ä' });
    expect(served.ms).toBeLessThan(5_000);
    expect(await value(app, 'getBuffer', 'a')).toEqual({ buffer: Buffer.from('ä').toString('latin1') });
    expect(await value(app, 'hgetall', 'h')).toEqual({ x: '1' });
    expect(await value(app, 'get', 'never')).toBeNull();
    expect((await call(app, 'get', 'not asked before')).code).toMatch(/^E(BREAKEROPEN|CALLTIMEOUT)$/);
    expect(await metric(app, 'breaker_fallback_calls_total', { breaker_fallback_type: 'stale', breaker_outcome: 'success' })).toBeGreaterThan(3);
    expect(await metric(app, 'breaker_cache_lookups_total', { breaker_cache_result: 'stale' })).toBeGreaterThan(3);

    await back();
    await vi.waitFor(async () => expect((await call(app, 'set', 'a', kind)).value).toBe('OK'), { timeout: 10_000 });
    await vi.waitFor(async () => expect(await value(app, 'get', 'a')).toBe(kind), { timeout: 10_000 });
  });
});

const queue = (more = '') => `breakers:\n  - match: { system: redis, operation: write }\n    fallback: { queue: { path: FOLDER/queue${more} } }\n`;

describe.each(outages)('queued writes of a %s Redis', (_, away, back) => {
  it('are answered, read back, and made in order when it is back', async () => {
    const app = await start(queue());
    await call(app, 'set', 'a', '0');
    await app.get('connect', 'auto', { enableAutoPipelining: true });
    await away();
    await untilRefused(app, 'incr', 'n');
    for (let n = 1; n <= 20; n += 1) expect(await value(app, 'set', 'a', `${n}`)).toBe('OK');
    expect(await value(app, 'setex', 'b', 100, 'soon gone')).toBe('OK');
    expect(await value(app, 'setBuffer', 'c', 'bytes')).toEqual({ buffer: 'OK' });
    const automatic = await Promise.all([['set', 'd', 'auto'] as const, ['get', 'a'] as const].map((each) => app.get<Ended>('on', 'auto', ...each)));
    expect(automatic.map((each) => each.value)).toEqual(['OK', '20']);
    // What it has written it reads; what nobody can know fails.
    expect(await value(app, 'get', 'a')).toBe('20');
    expect(await value(app, 'getBuffer', 'a')).toEqual({ buffer: '20' });
    expect(await value(app, 'mget', 'a', 'b')).toEqual(['20', 'soon gone']);
    expect((await call(app, 'strlen', 'a')).code).toBe('EBREAKEROPEN');
    expect((await call(app, 'incr', 'a')).code).toBe('EBREAKEROPEN');
    const labels = { breaker_name: redisName('write') };
    expect(await metric(app, 'breaker_queue_depth', labels)).toBe(23);
    expect(await metric(app, 'breaker_queue_age', labels)).toBeGreaterThan(0);
    expect(await metric(app, 'breaker_fallback_calls_total', { ...labels, breaker_fallback_type: 'queue' })).toBe(23);

    await back();
    const outside = bare();
    const expected = ['20', 'soon gone', 'bytes', 'auto'];
    await vi.waitFor(async () => expect(await outside.mget('a', 'b', 'c', 'd')).toEqual(expected), { timeout: 20_000, interval: 100 });
    expect(await outside.ttl('b')).toBeLessThan(101);
    await vi.waitFor(async () => expect(await metric(app, 'breaker_queue_depth', labels)).toBe(0), { timeout: 10_000 });
    expect(await value(app, 'set', 'a', 'new')).toBe('OK');
    expect(await outside.get('a')).toBe('new');
  });
});

describe('queued writes', () => {
  it('are not overtaken by what comes after them while they are made', async () => {
    const app = await start(queue(', replayPerSecond: 25'));
    await call(app, 'ping');
    await call(app, 'set', 'warm', '1');
    await server.kill();
    await untilRefused(app, 'incr', 'n');
    await app.get(
      'many',
      Array.from({ length: 100 }, (_, n) => ['set', `k${n}`, 'old']),
    );
    await server.restart();
    // As soon as anything goes again, most still wait.
    const outside = bare();
    await vi.waitFor(async () => expect(await outside.dbsize()).toBeGreaterThan(0), { timeout: 15_000, interval: 10 });
    expect(await metric(app, 'breaker_queue_depth', { breaker_name: redisName('write') })).toBeGreaterThan(30);
    const piped = app.get<Ended>('pipeline', [
      ['del', 'k95'],
      ['get', 'k94'],
    ]);
    const [set, deleted, length, appended] = await app.get<Ended[]>('many', [
      ['set', 'k99', 'new'],
      ['del', 'k98'],
      ['strlen', 'k97'],
      ['append', 'k96', '+'],
    ]);
    expect([set, deleted, length, appended].map((each) => each?.value ?? each?.code)).toEqual(['OK', 1, 3, 4]);
    expect((await piped).value).toEqual([
      [null, 1],
      [null, 'old'],
    ]);
    const end = ['new', null, 'old', 'old+', null];
    await vi.waitFor(async () => expect(await outside.mget('k99', 'k98', 'k97', 'k96', 'k95')).toEqual(end), { timeout: 15_000, interval: 100 });
    expect(await outside.dbsize()).toBe(98);
  });

  it('go to the database that was selected', async () => {
    const app = await start(queue());
    await app.get('connect', 'third', { db: 3 });
    await call(app, 'set', 'x', '0');
    await app.get('on', 'third', 'set', 'x', '3');
    await call(app, 'select', 2);
    await call(app, 'set', 'x', '2');
    await server.kill();
    await untilRefused(app, 'incr', 'n');
    expect((await call(app, 'set', 'x', 'second')).value).toBe('OK');
    expect((await app.get<Ended>('on', 'third', 'set', 'x', 'third')).value).toBe('OK');
    expect((await app.get<Ended>('on', 'third', 'get', 'x')).value).toBe('third');
    expect(await value(app, 'get', 'x')).toBe('second');
    await server.restart();
    await vi.waitFor(
      async () => expect([await bare(2).get('x'), await bare(3).get('x'), await bare(0).get('x')]).toEqual(['second', 'third', null]),
      { timeout: 20_000, interval: 500 },
    );
  });

  it('survive a kill -9 during the outage: all that was acknowledged is made after a restart', async () => {
    const app = await start(queue());
    await call(app, 'set', 'warm', '1');
    await server.kill();
    await untilRefused(app, 'incr', 'n');
    void app.call('write', 0, 1_000_000).catch(() => {});
    await vi.waitFor(() => expect(app.messages.length).toBeGreaterThan(200), { timeout: 10_000, interval: 20 });
    app.signal('SIGKILL');
    await app.exited;
    const acknowledged = (app.messages as [number][]).map(([n]) => n);
    expect(acknowledged.length).toBeGreaterThan(200);

    await server.restart();
    const outside = bare();
    const again = await start(queue());
    // The first client that is ready brings them out; what it reads meanwhile is what was written.
    const last = acknowledged.at(-1) as number;
    expect(Number(await value(again, 'get', `k${last % 50}`))).toBeGreaterThanOrEqual(last);
    await vi.waitFor(async () => expect(await metric(again, 'breaker_queue_depth', { breaker_name: redisName('write') })).toBe(0), {
      timeout: 30_000,
      interval: 200,
    });
    const latest = new Map(acknowledged.map((n) => [`k${n % 50}`, n]));
    const found = await outside.mget(...latest.keys());
    [...latest.values()].forEach((n, index) => {
      // One that was on disk, but whose answer the kill cut off, may have come after it.
      expect([n, n + 50]).toContain(Number(found[index]));
    });
  });

  it('are refused when the queue is full, and the caller is told why', async () => {
    const app = await start(queue(', maxEntries: 2'));
    await call(app, 'set', 'warm', '1');
    await server.kill();
    await untilRefused(app, 'incr', 'n');
    const filled = await app.get<Ended[]>('many', [
      ['set', 'a', '1'],
      ['set', 'b', '1'],
    ]);
    expect(filled.map((each) => each.value)).toEqual(['OK', 'OK']);
    const counted = async (): Promise<number[]> => {
      const reasons = ['queue_full', 'open', 'half_open_limit'];
      const labels = { breaker_name: redisName('write') };
      return Promise.all(
        reasons.map(async (reason) => (await metric(app, 'breaker_rejections_total', { ...labels, breaker_rejection_reason: reason })) ?? 0),
      );
    };
    const before = await counted();
    expect(await call(app, 'set', 'c', '1')).toMatchObject({ code: 'EQUEUEFULL', cause: 'EBREAKEROPEN' });
    expect(await metric(app, 'breaker_fallback_calls_total', { breaker_fallback_type: 'queue', breaker_outcome: 'failure' })).toBe(1);
    // Refused once, whoever else would have refused it.
    expect((await counted()).map((count, index) => count - (before[index] as number))).toEqual([1, 0, 0]);
  });

  it('say at the start what is missing, and calls go on without them', async () => {
    const inline = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`;
    const hook = `export function resolve(specifier, context, next) {
      if (specifier !== 'classic-level') return next(specifier, context);
      throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' });
    }`;
    const app = await start(queue(), {}, [inline(`import { register } from 'node:module'; register(${JSON.stringify(inline(hook))});`)]);
    await vi.waitFor(() => expect(app.stderr).toMatch(/otel-breaker: .*classic-level is not installed; .*npm install classic-level/), {
      timeout: 5_000,
    });
    expect((await call(app, 'set', 'a', '1')).value).toBe('OK');
    await server.kill();
    await untilRefused(app, 'set', 'a', '2');
    expect(app.stderr.match(/is not installed/g)).toHaveLength(1);
  });

  it('set aside what the server will never take, and go on', async () => {
    const other = await startRedis({ args: ['--rename-command', 'MSET', ''] });
    const app = await start(queue(', maxAttempts: 2'), { REDIS_PORT: String(other.port) });
    try {
      await call(app, 'set', 'warm', '1');
      await other.kill();
      await untilRefused(app, 'incr', 'n');
      const answers = await app.get<Ended[]>('many', [
        ['mset', 'a', '1'],
        ['set', 'a', '2'],
        ['set', 'after', 'it'],
      ]);
      expect(answers.map((each) => each.value)).toEqual(['OK', 'OK', 'OK']);
      await other.restart();
      await vi.waitFor(() => expect(readdirSync(join(folder, 'queue')).some((name) => name.startsWith('dead-letters-'))).toBe(true), {
        timeout: 60_000,
        interval: 300,
      });
      await vi.waitFor(async () => expect(await value(app, 'mget', 'a', 'after')).toEqual(['2', 'it']), { timeout: 20_000, interval: 300 });
    } finally {
      await other.stop();
    }
  });
});

describe('commands that the server may refuse later', () => {
  it('wait where they are named: in order in each of their keys, with nothing older served meanwhile', async () => {
    const other = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const outside = new Redis(other.port, '127.0.0.1', { retryStrategy: () => 50 });
    outside.on('error', () => {});
    clients.push(outside);
    const named = 'commands: [HMSET, lset, ltrim, pfmerge, rename]';
    const yaml = `systems:\n  redis: { fallback: { stale: {}, queue: { path: FOLDER/queue, maxAttempts: 2, ${named} } } }\n`;
    const app = await start(yaml, { REDIS_PORT: String(other.port) });
    try {
      await outside.pipeline().hset('h', 'old', 0).hset('quiet', 'old', 0).rpush('l', 'a', 'b', 'c').set('text', 't').pfadd('s', 'x').exec();
      const reads = [
        ['hgetall', 'h'],
        ['hgetall', 'quiet'],
        ['lrange', 'l', 0, -1],
        ['get', 'text'],
        ['exists', 'moved'],
      ] as const;
      for (const read of reads) expect(await call(app, ...read)).not.toHaveProperty('code');
      await other.kill();
      await untilRefused(app, 'incr', 'n');
      const writes = [
        ['hmset', 'h', 'a', 1],
        ['hmset', 'h', { b: 2 }],
        ['rename', 'h', 'moved'],
        ['hmset', 'h', 'c', 3],
        ['lset', 'l', 0, 'A'],
        ['ltrim', 'l', 0, 1],
        // Were it made after the next one, the server would refuse it.
        ['pfmerge', 'all', 's'],
        ['set', 's', 'no sketch'],
        ['hmset', 'text', 'f', 'v'],
        ['rename', 'missing', 'nowhere'],
        ['set', 'nowhere', 'after it'],
      ];
      expect((await app.get<Ended[]>('many', writes)).map((each) => each.value ?? each.code)).toEqual(writes.map(() => 'OK'));
      // To trim twice would be more than to trim once.
      expect((await call(app, 'ltrim', 'l', 1, -1)).code).toBe('EBREAKEROPEN');
      // Each of them has a kept answer, but of before.
      for (const read of reads.filter(([, key]) => key !== 'quiet')) expect([read, (await call(app, ...read)).code]).toEqual([read, 'EBREAKEROPEN']);
      expect(await value(app, 'hgetall', 'quiet')).toEqual({ old: '0' });
      expect(await value(app, 'get', 'nowhere')).toBe('after it');

      await other.restart();
      const first = await vi.waitFor(
        async () => {
          const read = await value(app, 'hgetall', 'h');
          expect(read).toBeDefined();
          return read;
        },
        { timeout: 20_000, interval: 20 },
      );
      expect(first).toEqual({ c: '3' });
      const letters = async () => (await readDeadLetters(join(folder, 'queue'))).map(({ error, keys }) => [error.message, keys.length]);
      await vi.waitFor(async () => expect(await letters()).toHaveLength(2), { timeout: 30_000, interval: 300 });
      expect((await letters()).sort()).toEqual([
        ['ERR no such key', 2],
        [expect.stringMatching(/^WRONGTYPE/), 1],
      ]);
      await vi.waitFor(async () => expect(await outside.get('nowhere')).toBe('after it'), { timeout: 10_000, interval: 100 });
      expect(await outside.hgetall('moved')).toEqual({ old: '0', a: '1', b: '2' });
      expect(await outside.lrange('l', 0, -1)).toEqual(['A', 'b']);
      expect([await outside.pfcount('all'), await outside.get('s'), await outside.get('text')]).toEqual([1, 'no sketch', 't']);
    } finally {
      await other.stop();
    }
  });
});

describe('in traces', () => {
  it('a call that something else has served has a span of its own that says what by, and hides no failure', async () => {
    const receiver = await startOtlpReceiver();
    try {
      const app = await start(`systems:\n  redis: { fallback: { stale: {}, queue: { path: FOLDER/queue } } }\n`, {
        OTEL_TRACES_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_BSP_SCHEDULE_DELAY: '100',
      });
      await app.get('traced', [
        ['set', 'a', '1'],
        ['get', 'a'],
      ]);
      await server.kill();
      await untilRefused(app, 'incr', 'n');
      await app.get('traced', [
        ['set', 'b', '1'],
        ['get', 'a'],
      ]);
      const served = (type: string) => receiver.spans.find(({ attributes }) => attributes['breaker.fallback.type'] === type);
      await vi.waitFor(() => expect([served('stale'), served('queue')]).not.toContain(undefined), { timeout: 5_000 });
      for (const [type, operation] of [
        ['stale', 'read'],
        ['queue', 'write'],
      ] as const) {
        expect(served(type)).toMatchObject({ name: `breaker ${redisName(operation)}` });
        expect(served(type)?.status?.code ?? 0).not.toBe(2);
      }
      expect(served('stale')?.attributes['breaker.cache.age']).toBeGreaterThan(0);
    } finally {
      await receiver.stop();
    }
  });
});

describe('retry', () => {
  it('repeats reads that met a lost connection, never writes', async () => {
    const app = await start('systems:\n  redis: { retry: { attempts: 5, backoffMs: 100, jitter: none }, minimumCalls: 1000 }\n');
    await app.get('connect', 'plain', { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false, retryStrategy: undefined });
    await app.get('on', 'plain', 'set', 'a', '1');
    const admin = bare();
    const blocked = admin.call('DEBUG', 'SLEEP', '0.5');
    await sleep(50);
    const answers = Promise.all([app.get<Ended>('on', 'plain', 'get', 'a'), app.get<Ended>('on', 'plain', 'incr', 'n')]);
    await sleep(100);
    const killed = admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await Promise.all([blocked, killed]);
    const [read, written] = await answers;
    expect(read).toMatchObject({ value: '1' });
    expect(written.code).toBeDefined();
    expect(await metric(app, 'breaker_retry_attempts_count', { breaker_name: redisName('read'), breaker_outcome: 'success' })).toBeGreaterThan(0);
  });
});

describe('limits and modes', () => {
  it('bound what goes out, and say so', async () => {
    const app = await start('systems:\n  redis: { rateLimit: { limit: 5, intervalMs: 60s }, bulkhead: { limit: 3 } }\n');
    const calls = Array.from({ length: 20 }, () => ['get', 'a']);
    const codes = (await app.get<Ended[]>('many', calls)).map(({ code = 'answered' }) => code);
    expect(codes.filter((code) => code === 'answered')).toHaveLength(3);
    expect(codes.filter((code) => code === 'EBULKHEADFULL')).toHaveLength(2);
    expect(codes.filter((code) => code === 'ERATELIMITED')).toHaveLength(15);
    const batch = await app.get<Ended>('pipeline', calls);
    expect(batch.code).toBe('ERATELIMITED');
    expect(await metric(app, 'breaker_rejections_total', { breaker_rejection_reason: 'rate_limited' })).toBe(16);
    expect(await metric(app, 'breaker_bulkhead_limit', {})).toBe(3);
  });

  it('refuse writes or answer reads with nothing', async () => {
    const app = await start('systems:\n  redis: { degraded: empty }\n');
    expect((await call(app, 'set', 'a', '1')).code).toBe('EREADONLYMODE');
    expect((await app.get<Ended>('pipeline', [['set', 'a', '1']])).code).toBe('EREADONLYMODE');
    expect(await value(app, 'get', 'a')).toBeNull();
    expect(await value(app, 'hgetall', 'a')).toEqual({});
    expect(await value(app, 'mget', 'a', 'b')).toEqual([null, null]);
    expect(await value(app, 'ping')).toBe('PONG');
  });

  it('serve a value while the server is away', async () => {
    const app = await start('systems:\n  redis:\n    fallback: { value: "n/a", when: [rejected, timeout] }\n');
    await call(app, 'set', 'a', '1');
    await server.kill();
    await vi.waitFor(async () => expect((await call(app, 'get', 'a')).value).toBe('n/a'), { timeout: 15_000 });
    expect(await value(app, 'getBuffer', 'a')).toEqual({ buffer: 'n/a' });
  });

  it('do nothing to a call in shadow mode', async () => {
    const app = await start(
      `mode: shadow\nsystems:\n  redis: { timeoutMs: 50, rateLimit: { limit: 1, intervalMs: 60s }, degraded: empty, fallback: { value: "n/a" } }\n`,
    );
    const admin = bare();
    await admin.set('a', '1');
    const slow = admin.call('DEBUG', 'SLEEP', '0.3');
    await sleep(20);
    expect(await value(app, 'get', 'a')).toBe('1');
    expect(await value(app, 'set', 'a', '2')).toBe('OK');
    expect(await value(app, 'get', 'a')).toBe('2');
    await slow;
    expect(await metric(app, 'breaker_shadow_rejections_total', { breaker_rejection_reason: 'rate_limited' })).toBeGreaterThan(0);
    await server.kill();
    expect((await call(app, 'get', 'a')).code).toContain('max retries per request');
  });
});
