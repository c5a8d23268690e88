import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { type SpawnAppOptions, type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

// Ordinary apps of both module kinds, with the guard alone and beside OpenTelemetry's own instrumentation.

let server: ServerHandle;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const directory = './test/integration/apps/ioredis-app';
const guard = `${directory}/guard.ts`;
const otel = `${directory}/otel.ts`;
const start = (file: string, preloads: string[], options: SpawnAppOptions = {}): Promise<SpawnedApp> =>
  spawnApp(`ioredis-app/${file}`, { imports: ['tsx', ...preloads], args: [`${server.port}`], ...options });

interface Seen {
  readonly calls: Record<string, number>;
  readonly spans: string[];
}
const everyCall = { read: 2, write: 4, script: 1 };
const sorted = (names: readonly string[]): string[] => [...names].sort();
/** OpenTelemetry sees ioredis in ES module apps only by a loader of its own. */
const loader = { nodeArgs: ['--no-warnings', '--experimental-loader=@opentelemetry/instrumentation/hook.mjs'] };

describe.each([
  ['app.cjs', {}],
  ['app.mjs', loader],
] as const)("in %s, OpenTelemetry's spans are neither lost nor doubled, and each call is admitted once", (file, options) => {
  it.each([
    ['loaded after it', [guard, otel]],
    ['loaded before it', [otel, guard]],
  ])('%s', async (_, preloads) => {
    await using bare = await start(file, [otel], options);
    await bare.get('everyStyle');
    const expected = sorted((await bare.get<Seen>('everyStyle')).spans);
    expect(expected.filter((name) => name === 'get')).toHaveLength(4);
    expect(expected).toContain('lpush failed');

    await using app = await start(file, preloads, options);
    await app.get('everyStyle');
    const first = await app.get<Seen>('everyStyle');
    expect(sorted(first.spans)).toEqual(expected);
    expect(first.calls).toEqual(everyCall);

    const refused = await app.get<{ codes: string[]; spans: string[] }>('refused');
    expect(refused.codes).toEqual(['EBREAKEROPEN', 'EBREAKEROPEN', 'EBREAKEROPEN', 'EBREAKEROPEN']);
    expect(refused.spans).toEqual([]);

    if (file === 'app.cjs') {
      await app.get('toggleOtel');
      const second = await app.get<Seen>('everyStyle');
      expect(sorted(second.spans)).toEqual(expected);
      expect(second.calls).toEqual(everyCall);
    }

    await app.get('disable');
    const third = await app.get<Seen>('everyStyle');
    expect(sorted(third.spans)).toEqual(expected);
    expect(third.calls).toEqual({});
  });
});

describe.each(['app.cjs', 'app.mjs'])('alone in %s', (file) => {
  it('it guards the app and does not keep it alive', async () => {
    await using app = await start(file, [guard]);
    expect((await app.get<Seen>('everyStyle')).calls).toEqual(everyCall);
    await app.get('end');
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect(app.stderr).toBe('');
  });
});

it('in a worker thread it guards as well', async () => {
  await using app = await start('worker.mjs', [], { imports: [`${directory}/guard-everywhere.mjs`] });
  expect(await app.get('calls')).toEqual([['read', 1]]);
});

it('asking a frozen server makes no spans, and every span of a call it answered early ends once', async () => {
  await using frozen = await startRedis();
  await using app = await start('app.cjs', [guard, otel], { args: [`${frozen.port}`] });
  for (let call = 0; call < 12; call += 1) await app.get('get');
  await app.get('spans');
  frozen.freeze();
  const { error } = { error: undefined, ...(await app.call('get')) };
  expect(error).toMatchObject({ code: 'ECALLTIMEOUT' });
  await sleep(1_500);
  expect(await app.get('spans')).toEqual([]);
  frozen.thaw();
  await sleep(500);
  expect(await app.get('spans')).toEqual(['get']);
  await app.get('end');
  await app.exited;
  expect(app.stderr).toBe('');
});
