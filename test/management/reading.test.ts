import { describe, expect, it } from 'vitest';
import type { BreakerDetail, HealthView, HistoryView, Overview, ReadyView } from '../../src/management/wire.ts';
import { path, Rig } from './rig.ts';

const redis = { system: 'redis', address: '10.0.0.5', port: 6379, operation: 'read', server: 'redis://10.0.0.5:6379' };
const name = 'redis://10.0.0.5:6379 read';

describe('reading', () => {
  it('shows every breaker with its window against its limits', async () => {
    const rig = new Rig();
    const breaker = rig.registry.get(name, redis);
    for (let call = 0; call < 30; call += 1) call % 5 === 0 ? breaker.tryAcquire()?.fail(new TypeError('no')) : breaker.tryAcquire()?.succeed();
    const { breakers, ...overview } = (await rig.get('/api/overview')).json<Overview>();
    expect(overview).toMatchObject({ service: 'shop', pid: process.pid, mode: 'enforce', adminEnabled: true, system: { state: 'healthy' } });
    expect(breakers).toMatchObject([
      { name, target: redis, state: 'closed', failureRatio: 0.2, failureRatioLimit: 0.5, minimumCalls: 20, window: { recorded: 30, failures: 6 } },
    ]);
    expect(breakers[0]?.lastErrors).toEqual([{ errorType: 'TypeError', count: 6 }]);
    expect(breakers[0]).not.toHaveProperty('slowRatioLimit');
  });

  it('tells of one breaker by its encoded name, with its transitions', async () => {
    const rig = new Rig();
    await rig.open(name, redis);
    const { breaker, transitions } = (await rig.get(`/health/circuit-breakers/${path(name)}`)).json<BreakerDetail>();
    expect(breaker).toMatchObject({ name, state: 'open', lastTrip: { trigger: 'failure_ratio', value: 1, limit: 0.5 } });
    expect(breaker.retryAfterMs).toBeGreaterThan(1_000);
    expect(transitions).toMatchObject([{ breaker: name, from: 'closed', to: 'open', trigger: 'failure_ratio', errorType: 'Error' }]);
  });

  it('says 404 for a breaker that is none, and names the place where all are', async () => {
    const said = await new Rig().get('/health/circuit-breakers/nobody');
    expect([said.status, said.json()]).toMatchObject([404, { error: { code: 'unknown_breaker', message: expect.stringContaining("'nobody'") } }]);
  });

  it('an open circuit never fails liveness, and readiness only as configured', async () => {
    for (const [failOn, status] of [
      [undefined, 200],
      ['critical', 503],
      ['emergency', 200],
    ] as const) {
      const rig = new Rig({ readiness: failOn === undefined ? {} : { failOn } });
      await rig.open(name, redis);
      expect((await rig.get('/health/live')).status).toBe(200);
      const ready = await rig.get('/health/ready');
      expect([failOn, ready.status]).toEqual([failOn, status]);
      if (status === 503) expect(ready.json<ReadyView>().reasons.join()).toContain(name);
    }
  });

  it('counts dependencies by their servers, whatever their breakers are called', async () => {
    const rig = new Rig();
    for (let server = 0; server < 4; server += 1) {
      rig.registry.get(`${server} read`, { server: `redis://${server}` });
      rig.registry.get(`${server} write`, { server: `redis://${server}` });
    }
    await rig.open('0 read');
    await rig.open('1 read');
    expect((await rig.get('/health')).json<HealthView>()).toMatchObject({
      status: 'degraded',
      live: true,
      ready: true,
      system: { dependencies: { total: 4, up: 2 } },
      breakers: { total: 8, open: 2, closed: 6 },
    });
  });

  it('a breaker in shadow mode whose circuit is open counts as one whose dependency is down', async () => {
    const rig = new Rig({}, { resolve: () => ({ options: { mode: 'shadow' } }) });
    await rig.open(name, redis);
    expect((await rig.get('/health')).json<HealthView>()).toMatchObject({ status: 'critical', breakers: { shadow: 1 } });
  });

  it('puts the overview together ten times a second at most, and at once when something has happened', async () => {
    const rig = new Rig();
    const breaker = rig.registry.get(name, redis);
    const seen = async () => (await rig.get('/api/overview')).json<Overview>().breakers[0]?.calls.success;
    expect(await seen()).toBe(0);
    breaker.tryAcquire()?.succeed();
    expect(await seen()).toBe(0);
    rig.clock.advance(100);
    expect(await seen()).toBe(1);
    breaker.forceOpen();
    expect((await rig.get('/api/overview')).json<Overview>().breakers[0]?.state).toBe('forced_open');
  });

  it('serves metrics where it has them, and says where they are otherwise', async () => {
    const metrics = await new Rig({ metrics: () => Promise.resolve('up 1\n') }).get('/metrics');
    expect([metrics.status, metrics.text, metrics.headers['content-type']]).toEqual([200, 'up 1\n', 'text/plain; version=0.0.4; charset=utf-8']);
    expect((await new Rig().get('/metrics')).json()).toMatchObject({ error: { code: 'not_available' } });
    expect((await new Rig({ metrics: () => Promise.reject(new Error('no')) }).get('/metrics')).status).toBe(500);
  });

  it('tells the past of all breakers or of one', async () => {
    const rig = new Rig();
    await rig.open('a');
    await rig.open('b');
    const breakers = async (query: string) =>
      (await rig.get(`/api/history${query}`)).json<{ transitions: { breaker: string }[] }>().transitions.map(({ breaker }) => breaker);
    expect(await breakers('')).toEqual(['a', 'b']);
    expect(await breakers('?breaker=b')).toEqual(['b']);
    expect(await breakers('?breaker=nobody')).toEqual([]);
  });

  it('tells of one breaker how its window was, every five seconds', async () => {
    const rig = new Rig();
    const breaker = rig.registry.get(name, redis);
    for (let call = 0; call < 30; call += 1) call % 5 === 0 ? breaker.tryAcquire()?.fail(new TypeError('no')) : breaker.tryAcquire()?.succeed();
    rig.clock.advance(10_000);
    const { samples } = (await rig.get(`/api/history?breaker=${path(name)}`)).json<HistoryView>();
    const window = { state: 'closed', recorded: 30, failures: 6, slow: 0, failureRatio: 0.2, inFlight: 0 };
    expect(samples.map(({ at: _, ...sample }) => sample)).toEqual([
      { ...window, succeeded: 24, failed: 6, rejected: 0, fallbacks: 0 },
      { ...window, succeeded: 0, failed: 0, rejected: 0, fallbacks: 0 },
    ]);
    const [first, second] = samples.map(({ at }) => Date.parse(at));
    expect((second ?? 0) - (first ?? 0)).toBe(5_000);
  });
});

describe('methods and paths', () => {
  it.each([
    ['HEAD', '/health', 200],
    ['OPTIONS', '/health', 204],
    ['POST', '/health', 405],
    ['DELETE', '/admin/config/reload', 405],
    ['GET', '/admin/config/reload', 405],
    ['OPTIONS', '/nothing', 404],
    ['GET', '/health/', 404],
    ['GET', '//health', 404],
    ['GET', '/HEALTH', 404],
  ])('%s %s is answered with %i', async (method, url, status) => {
    const said = await new Rig().ask(method, url);
    expect(said.status).toBe(status);
    if (status === 405 || status === 204) expect(said.headers.allow).toBe(url === '/health' ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS');
  });

  it.each([
    '/../../etc/passwd',
    '/assets/..%2f..%2fpackage.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/%',
    '/..\\..\\x',
    '/health/circuit-breakers/..%2f..%2fetc%2fpasswd',
    '/%00',
    'http://evil/health',
  ])('nothing is reached by the path %s', async (url) => {
    const said = await new Rig().get(url);
    expect([400, 404]).toContain(said.status);
    expect(said.json()).toMatchObject({ error: { message: expect.any(String) } });
  });

  it('every answer forbids what a browser might do with it', async () => {
    for (const url of ['/', '/health', '/nothing', '/openapi.json']) {
      const { headers } = await new Rig().get(url);
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';.*frame-ancestors 'none'/);
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' });
      expect(Object.keys(headers).filter((header) => header.startsWith('access-control'))).toEqual([]);
    }
  });
});
