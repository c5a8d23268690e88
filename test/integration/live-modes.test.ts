import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

interface Kind {
  readonly results: readonly ('pending' | { readonly value?: unknown; readonly error?: { readonly code?: string } })[];
  /** Which call ended first, second, ... */
  readonly order: readonly number[];
}
type Report = Readonly<Record<string, Kind>>;
interface BreakerReport {
  readonly system: string;
  readonly operation?: string;
  readonly state: string;
  readonly mode: string;
  readonly circuit?: string;
  /** The rule that would have opened it. */
  readonly tripped?: string;
  readonly rejections: Readonly<Record<string, number>>;
  readonly shadowRejections: Readonly<Record<string, number>>;
}

const all = ['redis read', 'redis write', 'redis callback', 'redis pipeline', 'pg read', 'pg callback', 'pg error', 'http', 'http impatient'];
const count = 12;

let redis: ServerHandle;
let postgres: PostgresHandle;
let upstream: HttpUpstreamHandle;
let folder: string;
let apps: SpawnedApp[] = [];
const servers = (): ServerHandle[] => [redis, postgres, upstream];

beforeAll(async () => {
  [redis, postgres, upstream] = await Promise.all([startRedis(), startPostgres(), startHttpUpstream()]);
});
afterAll(async () => {
  await Promise.all(servers().map((server) => server?.stop()));
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'otel-breaker-live-'));
});
afterEach(async () => {
  for (const server of servers()) server.thaw();
  await Promise.all(apps.splice(0).map((app) => app.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const file = () => join(folder, 'breakers.yaml');

/** As editors do: a new file in the place of the old. */
function write(text: string): void {
  writeFileSync(`${file()}.new`, text);
  renameSync(`${file()}.new`, file());
}

async function start(preloaded: boolean, env: Record<string, string> = {}): Promise<SpawnedApp> {
  const app = await spawnApp('live-modes/app.mjs', {
    imports: preloaded ? ['otel-breaker/register'] : [],
    env: {
      OTEL_SDK_DISABLED: 'true',
      OTEL_BREAKER_CONFIG_FILE: preloaded ? file() : undefined,
      REDIS_PORT: String(redis.port),
      PG_URL: postgres.url,
      HTTP_URL: upstream.url,
      ...env,
    },
  });
  apps = [...apps, app];
  await app.get('flood', all, count, 5_000);
  return app;
}

/** The same calls at the same time from a process without us and from one with us. */
async function twins(
  text: string,
  before: string,
): Promise<{ guarded: SpawnedApp; both: (operation: string, ...args: unknown[]) => Promise<[Report, Report]> }> {
  write(before);
  const [bare, guarded] = [await start(false), await start(true)];
  if (text !== before) {
    write(text);
    await vi.waitFor(async () => expect((await breakersOf(guarded)).every(({ mode }) => mode === 'shadow')).toBe(true), {
      timeout: 5_000,
      interval: 100,
    });
  }
  const both = (operation: string, ...args: unknown[]) =>
    Promise.all([bare.get<Report>(operation, ...args), guarded.get<Report>(operation, ...args)]) as Promise<[Report, Report]>;
  return { guarded, both };
}

/** What callers can tell apart: how each call ended and, where one connection carries all, in which order. */
function observed(report: Report): unknown {
  return Object.fromEntries(
    Object.entries(report).map(([name, { results, order }]) => [name, name.startsWith('redis') ? { results, order } : { results }]),
  );
}

const breakersOf = (app: SpawnedApp) => app.get<BreakerReport[]>('breakers');
const codes = ({ results }: Kind) => [...new Set(results.map((result) => (result === 'pending' ? result : (result.error?.code ?? 'done'))))];
const pendingKinds = (report: Report) => Object.keys(report).filter((name) => report[name]?.results.includes('pending'));

const modes = [
  ['shadow', 'mode: shadow', 'mode: shadow'],
  ['shadow since a moment ago', 'mode: shadow', 'mode: enforce'],
  ['off', 'mode: off', 'mode: off'],
  [
    'shadow by a rule',
    'mode: enforce\nbreakers: [{ match: { system: "*" }, mode: shadow }]',
    'mode: enforce\nbreakers: [{ match: { system: "*" }, mode: shadow }]',
  ],
] as const;

describe.each(modes)('in mode %s', (mode, text, before) => {
  it('frozen servers: calls wait and end as they would without us, none is answered early', { timeout: 60_000 }, async () => {
    const { guarded, both } = await twins(text, before);
    for (const server of servers()) server.freeze();
    // Longer than the breakers take to be sure, and to answer what waits.
    const [bare, ours] = await both('flood', all, count, 6_000);
    expect(pendingKinds(bare)).toEqual(all.filter((name) => name !== 'http impatient'));
    expect(observed(ours)).toEqual(observed(bare));
    const breakers = await breakersOf(guarded);
    const tripped = new Set(breakers.filter((breaker) => breaker.tripped !== undefined).map(({ system }) => system));
    expect(tripped).toEqual(new Set(mode === 'off' ? [] : ['redis', 'postgresql', 'http']));
    expect(breakers.every(({ rejections }) => Object.keys(rejections).length === 0)).toBe(true);
    for (const server of servers()) server.thaw();
    const [bareLate, oursLate] = await both('late', 10_000);
    expect(pendingKinds(bareLate)).toEqual([]);
    expect(observed(oursLate)).toEqual(observed(bareLate));
  });

  it('killed servers: calls fail with the errors of the clients themselves, in the same order, and work again after', {
    timeout: 60_000,
  }, async () => {
    const { guarded, both } = await twins(text, before);
    await Promise.all(servers().map((server) => server.kill()));
    await sleep(300);
    const [bare, ours] = await both('flood', all, count, 10_000);
    expect(pendingKinds(bare)).toEqual([]);
    expect(observed(ours)).toEqual(observed(bare));
    if (mode !== 'off') {
      await both('flood', all, count, 10_000);
      const refused = (await breakersOf(guarded)).filter(({ shadowRejections }) => Object.keys(shadowRejections).length > 0);
      expect(new Set(refused.map(({ system }) => system))).toEqual(new Set(['redis', 'postgresql', 'http']));
    }
    await Promise.all(servers().map((server) => server.restart()));
    await sleep(500);
    const [bareAfter, oursAfter] = await both('flood', all, count, 10_000);
    expect(codes(bareAfter['redis read'] as Kind)).toEqual(['done']);
    expect(observed(oursAfter)).toEqual(observed(bareAfter));
  });
});

it('a file that is changed switches single dependencies and operations, in the middle of an outage', { timeout: 60_000 }, async () => {
  write('mode: enforce');
  const app = await start(true);
  for (const server of servers()) server.freeze();
  await app.get('flood', all, count, 5_000);
  const names = ['redis read', 'redis write', 'pg read'];
  const refused = await app.get<Report>('flood', names, count, 500);
  // Probes may be under way.
  for (const name of names) expect(codes(refused[name] as Kind), name).toContain('EBREAKEROPEN');

  write(
    'mode: enforce\nbreakers:\n  - match: { system: redis, operation: read }\n    mode: shadow\n  - match: { system: postgres }\n    mode: off\n',
  );
  await vi.waitFor(
    async () => {
      const breakers = await breakersOf(app);
      expect(breakers.find(({ system, operation }) => system === 'redis' && operation === 'read')).toMatchObject({
        state: 'shadow',
        // Open, or asking again by now.
        circuit: expect.stringContaining('open'),
      });
      expect(breakers.find(({ system, operation }) => system === 'postgresql' && operation === 'read')).toMatchObject({ state: 'disabled' });
    },
    { timeout: 5_000, interval: 100 },
  );
  const mixed = await app.get<Report>('flood', names, 3, 3_000);
  expect(codes(mixed['redis read'] as Kind)).toEqual(['pending']);
  expect(codes(mixed['redis write'] as Kind)).toContain('EBREAKEROPEN');
  expect(codes(mixed['pg read'] as Kind)).toEqual(['pending']);
  for (const server of servers()) server.thaw();
  const late = await app.get<Report>('late', 10_000);
  expect(codes(late['redis read'] as Kind)).toEqual(['done']);
  expect(codes(late['pg read'] as Kind)).toEqual(['done']);

  write('mode: enforce\nbreakers: [{ match: { sistem: redis } }]\n');
  await vi.waitFor(() => expect(app.stderr).toMatch(/not reloaded.*sistem.*line 2/s), { timeout: 5_000 });
  expect((await breakersOf(app)).find(({ system }) => system === 'postgresql')).toMatchObject({ mode: 'off' });
});

describe('a signal that was asked for', () => {
  const modeOf = async (app: SpawnedApp) => (await breakersOf(app))[0]?.mode;

  it('makes the process read its configuration again, and no more ends it', { timeout: 30_000 }, async () => {
    write('mode: enforce');
    const app = await start(true, { OTEL_BREAKER_WATCH: 'false', OTEL_BREAKER_RELOAD_SIGNAL: 'SIGHUP' });
    write('mode: shadow');
    await sleep(2_000);
    expect(await modeOf(app)).toBe('enforce');
    app.signal('SIGHUP');
    await vi.waitFor(async () => expect(await modeOf(app)).toBe('shadow'), { timeout: 2_000, interval: 50 });
  });

  it('is left to a program that handles it itself', { timeout: 30_000 }, async () => {
    write('mode: enforce');
    const app = await start(true, { OTEL_BREAKER_WATCH: 'false', OTEL_BREAKER_RELOAD_SIGNAL: 'SIGUSR2' });
    await app.call('handle', 'SIGUSR2');
    write('mode: shadow');
    app.signal('SIGUSR2');
    await sleep(300);
    expect(await modeOf(app)).toBe('enforce');
  });

  it('ends the process as ever where nobody asked', { timeout: 30_000 }, async () => {
    write('mode: enforce');
    const app = await start(true);
    app.signal('SIGHUP');
    expect(await app.exited).toEqual({ code: null, signal: 'SIGHUP' });
  });
});
