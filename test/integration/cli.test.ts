import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Overview } from '../../src/management/wire.ts';
import { configDir } from '../support/config-dir.ts';
import { freePort } from '../support/servers/free-port.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { repository, type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

const secret = 'correct-horse-battery';
const { bin } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { bin: { 'otel-breaker': string } };
let upstream: HttpUpstreamHandle;
let receiver: OtlpReceiver;
let app: SpawnedApp | undefined;
let url: string;

beforeAll(async () => {
  [upstream, receiver] = await Promise.all([startHttpUpstream(), startOtlpReceiver()]);
});

afterAll(async () => {
  await Promise.all([upstream?.stop(), receiver?.stop()]);
});

afterEach(async () => {
  await app?.stop();
  app = undefined;
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The built program, as an installed package has it. */
function cli(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = repository): Promise<Ran> {
  return new Promise((resolve) => {
    const given = { PATH: process.env.PATH, OTEL_BREAKER_URL: url, ...env };
    const child = execFile(join(repository, bin['otel-breaker']), [...args], { env: given, cwd, timeout: 20_000 }, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const admin = { OTEL_BREAKER_ADMIN_TOKEN: `ops:${secret}` };
const name = (): string => `http://127.0.0.1:${upstream.port}`;

async function start(): Promise<SpawnedApp> {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  app = await spawnApp('management/service.mjs', {
    imports: ['otel-breaker/register'],
    env: {
      UPSTREAM_URL: `${name()}/`,
      OTEL_SERVICE_NAME: 'shop',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BLRP_SCHEDULE_DELAY: '100',
      OTEL_BREAKER_MANAGEMENT_PORT: String(port),
      ...admin,
    },
  });
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) if ((await cli(['status'])).code === 0) break;
  return app;
}

describe('the command line beside a running service', () => {
  it('shows its circuits, opens one and lets it go again, which is in the audit log', async () => {
    const running = await start();
    expect(await running.get('upstream')).toBe(200);
    expect((await cli(['status'])).out).toMatch(new RegExp(`^${name()} +closed`, 'm'));

    const opened = await cli(['open', 'http://127.0.0.1:*', '--reason', 'game day'], admin);
    expect(opened).toEqual({ code: 0, out: `${name()}: closed -> forced_open\n`, err: '' });
    expect(await running.call('upstream')).toMatchObject({ ok: false, error: { code: 'EBREAKEROPEN' } });
    expect((await cli(['status'])).out).toMatch(new RegExp(`^${name()} +forced_open`, 'm'));
    expect(JSON.parse((await cli(['status', '--json'])).out) as Overview).toMatchObject({ pid: running.pid, breakers: [{ state: 'forced_open' }] });

    expect(await cli(['close', name()], admin)).toMatchObject({ code: 0, out: `${name()}: forced_open -> disabled\n` });
    expect(await running.get('upstream')).toBe(200);
    expect(await cli(['release', name()], admin)).toMatchObject({ code: 0, out: `${name()}: disabled -> closed\n` });
    expect(await cli(['mode', 'shadow', '--match', 'system=http'], admin)).toMatchObject({ code: 0, out: expect.stringContaining(name()) });

    const actions = await receiver.waitFor(({ logs }) => {
      const found = logs.filter(({ eventName }) => eventName === 'breaker.admin').map(({ attributes }) => attributes['breaker.admin.action']);
      return found.length >= 4 ? found : undefined;
    });
    expect(actions).toEqual(['force-open', 'force-closed', 'release', 'mode']);
    const logged = receiver.logs.find(({ body }) => String(body).includes('game day'));
    expect(logged?.attributes).toMatchObject({ 'breaker.admin.actor': 'ops', 'breaker.name': name() });
  });

  it('shows a circuit that an outage has opened, and why', async () => {
    const running = await start();
    await upstream.stop();
    try {
      for (let call = 0; call < 40; call += 1) await running.call('upstream');
      const { code, out } = await cli(['status']);
      expect([code, out]).toEqual([0, expect.stringMatching(new RegExp(`^${name()} +(open|half_open) .*ECONNREFUSED`, 'm'))]);
    } finally {
      upstream = await startHttpUpstream();
    }
  });

  it('is refused with a wrong token, and finds nobody where nobody is', async () => {
    const running = await start();
    await running.get('upstream');
    expect(await cli(['open', name()], { OTEL_BREAKER_ADMIN_TOKEN: 'ops:wrong' })).toMatchObject({ code: 4, err: expect.stringContaining('token') });
    expect((await cli(['open', name()])).code).toBe(4);
    expect(await running.get('upstream')).toBe(200);
    expect(await cli(['status', '--url', `http://127.0.0.1:${await freePort()}`])).toMatchObject({
      code: 3,
      err: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('checks a configuration, and says what it would change here', async () => {
    const running = await start();
    await running.get('upstream');
    const cwd = configDir({ 'bad.yaml': 'mode: shadow\ndefaults:\n  failureRatio: 3\n', 'good.yaml': 'mode: shadow\n' });
    expect(await cli(['config', 'check', 'bad.yaml'], {}, cwd)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^bad\.yaml:3:3: defaults\.failureRatio is 3;/),
    });
    const good = await cli(['config', 'check', 'good.yaml'], {}, cwd);
    expect(good).toMatchObject({ code: 0, out: expect.stringContaining(`\n  ${name()}: mode: enforce -> shadow\n`) });
    // What the running process has as it is, is no change.
    expect((await cli(['config', 'check'], {}, configDir({ 'otel-breaker.yaml': 'mode: enforce\n' }))).out).toContain('no change for shop');
  });
});
