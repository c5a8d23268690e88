import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';
import { type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

let server: PostgresHandle;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const directory = './test/integration/apps/pg-app';
const guard = `${directory}/guard.ts`;
const otel = `${directory}/otel.ts`;
const start = (file: string, ...preloads: string[]): Promise<SpawnedApp> =>
  spawnApp(`pg-app/${file}`, { imports: ['tsx', ...preloads], args: [server.url] });

interface Seen {
  readonly calls: [string, number][];
  readonly spans: string[];
}
const sorted = (names: readonly string[]) => [...names].sort();

describe.each(['app.mjs', 'app.cjs'])("in %s, OpenTelemetry's spans are neither lost nor doubled, and each call is admitted once", (file) => {
  it.each([
    ['loaded after it', [guard, otel]],
    ['loaded before it', [otel, guard]],
  ])('%s', async (_, preloads) => {
    await using bare = await start(file, otel);
    const expected = sorted((await bare.get<Seen>('everyStyle')).spans);
    expect(expected.filter((name) => name.startsWith('pg.query:SELECT'))).toHaveLength(4);

    await using app = await start(file, ...preloads);
    const first = await app.get<Seen>('everyStyle');
    expect(sorted(first.spans)).toEqual(expected);
    expect(Object.fromEntries(first.calls)).toMatchObject({ read: 4, write: 1 });

    const refused = await app.get<{ errors: string[]; spans: string[] }>('refused');
    expect(refused.errors).toEqual(['EBREAKEROPEN', 'EBREAKEROPEN', 'EBREAKEROPEN']);
    expect(refused.spans.filter((name) => name.startsWith('pg.query'))).toEqual([]);

    // The connection exists by now: nobody connects any more.
    await bare.get('toggleOtel');
    const again = sorted((await bare.get<Seen>('everyStyle')).spans);
    await app.get('toggleOtel');
    const second = await app.get<Seen>('everyStyle');
    expect(sorted(second.spans)).toEqual(again);
    expect(Object.fromEntries(second.calls)).toMatchObject({ read: 8, write: 2 });

    await app.get('disable');
    const third = await app.get<Seen>('everyStyle');
    expect(sorted(third.spans)).toEqual(again);
    expect(third.calls).toEqual(second.calls);
  });
});

it('alone, it guards an app and does not keep it alive', async () => {
  await using app = await start('app.mjs', guard);
  const { calls } = await app.get<Seen>('everyStyle');
  expect(Object.fromEntries(calls)).toMatchObject({ read: 4, write: 1 });
  await app.get('end');
  expect(await app.exited).toEqual({ code: 0, signal: null });
});
