import { describe, expect, it } from 'vitest';
import { isHostAllowed, isLoopback } from '../../src/management/addresses.ts';
import { path, Rig, readSecret, secret } from './rig.ts';

const name = 'redis://h:1 read';
const forceOpen = `/admin/circuit-breakers/${path(name)}/force-open`;

function withBreaker(options: ConstructorParameters<typeof Rig>[0] = {}) {
  const rig = new Rig(options);
  const breaker = rig.registry.get(name);
  return { rig, breaker };
}

describe('admin requests', () => {
  it('need the secret of an admin token', async () => {
    const { rig, breaker } = withBreaker();
    for (const [token, status] of [
      [undefined, 401],
      ['', 401],
      ['wrong', 401],
      [`${secret}x`, 401],
      [secret.slice(0, -1), 401],
      [readSecret, 403],
    ] as const) {
      const said = await rig.ask('POST', forceOpen, token === undefined ? {} : { token });
      expect([token, said.status, said.json()]).toMatchObject([token, status, { error: { code: 'unauthorized' } }]);
      expect(said.text).not.toContain(secret);
    }
    expect([breaker.state, rig.audit]).toEqual(['closed', []]);
    expect((await rig.ask('POST', forceOpen, { headers: { authorization: `Basic ${secret}` } })).status).toBe(401);
    expect((await rig.ask('POST', `${forceOpen}?token=${secret}`)).status).toBe(401);
    expect((await rig.ask('POST', forceOpen, { token: secret })).status).toBe(200);
    expect(breaker.state).toBe('forced_open');
  });

  it('are off where there is no token, and say what to do', async () => {
    const { rig } = withBreaker({ tokens: [] });
    const said = await rig.ask('POST', forceOpen, { token: secret });
    expect([said.status, said.json()]).toMatchObject([
      403,
      { error: { code: 'admin_disabled', message: expect.stringContaining('OTEL_BREAKER_ADMIN_TOKEN') } },
    ]);
    expect((await rig.get('/api/overview')).json()).toMatchObject({ adminEnabled: false });
  });

  it('are limited to twenty at once, then one a second', async () => {
    const { rig } = withBreaker();
    for (let request = 0; request < 20; request += 1) expect((await rig.post(forceOpen)).status).toBe(200);
    const said = await rig.post(forceOpen);
    expect([said.status, said.headers['retry-after']]).toEqual([429, '1']);
    rig.clock.advance(1_000);
    expect((await rig.post(forceOpen)).status).toBe(200);
  });

  it('with wrong tokens are limited to ten, and then even the right one waits', async () => {
    const { rig } = withBreaker();
    for (let request = 0; request < 10; request += 1) expect((await rig.post(forceOpen, {}, { token: `guess-${request}` })).status).toBe(401);
    expect((await rig.post(forceOpen, {}, { token: 'guess-again' })).status).toBe(429);
    expect((await rig.post(forceOpen)).status).toBe(429);
    expect((await rig.post(forceOpen, {}, { remote: '10.0.0.9' })).status).toBe(200);
    rig.clock.advance(6_000);
    expect((await rig.post(forceOpen)).status).toBe(200);
  });
});

describe('reading', () => {
  it('is open on loopback', async () => {
    expect((await new Rig().get('/health')).status).toBe(200);
  });

  it('needs a token elsewhere, of either kind', async () => {
    const rig = new Rig({ host: '0.0.0.0' });
    const headers = { host: '10.1.2.3:9464' };
    for (const url of ['/health', '/api/overview', '/metrics', '/api/events', '/api/history', '/health/circuit-breakers']) {
      expect([url, (await rig.get(url, { headers })).status]).toEqual([url, 401]);
    }
    expect((await rig.get('/health', { headers, token: readSecret })).status).toBe(200);
    expect((await rig.get('/health', { headers, token: secret })).status).toBe(200);
  });

  it('elsewhere tells a probe without a token whether the process lives and is ready, and nothing more', async () => {
    const rig = new Rig({ host: '0.0.0.0', readiness: { failOn: 'critical' } });
    await rig.open(name);
    const headers = { host: '10.1.2.3:9464' };
    expect((await rig.get('/health/live', { headers })).json()).toEqual({ status: 'up' });
    expect((await rig.get('/health/ready', { headers })).json()).toEqual({ status: 'not_ready', reasons: [] });
    expect((await rig.get('/health/ready', { headers, token: readSecret })).text).toContain(name);
  });
});

describe('pages of other sites', () => {
  it.each([
    'evil.example',
    'evil.example:9464',
    '10.1.2.3:9464',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '',
    undefined,
    'a b',
    '127.0.0.1@evil',
  ])('that have the name %s resolved to us are refused', async (host) => {
    const said = await new Rig().get('/health', { headers: { host } });
    expect([said.status, said.json()]).toMatchObject([403, { error: { code: 'forbidden_host' } }]);
  });

  it.each(['127.0.0.1', '127.0.0.1:9464', 'localhost:1', 'LOCALHOST', '[::1]:9464', '127.0.0.2'])('the name %s is ours', async (host) => {
    expect((await new Rig().get('/health', { headers: { host } })).status).toBe(200);
  });

  it('further names are those that are configured', async () => {
    const rig = new Rig({ allowedHosts: ['shop.internal'] });
    expect((await rig.get('/health', { headers: { host: 'Shop.Internal:9464' } })).status).toBe(200);
    expect((await rig.get('/health', { headers: { host: 'x.shop.internal' } })).status).toBe(403);
  });

  it('cannot post, token or not', async () => {
    const { rig, breaker } = withBreaker();
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:3000', 'http://localhost:9464']) {
      expect([origin, (await rig.post(forceOpen, {}, { headers: { origin } })).status]).toEqual([origin, 403]);
    }
    expect(breaker.state).toBe('closed');
    expect((await rig.post(forceOpen, {}, { headers: { origin: 'http://127.0.0.1:9464' } })).status).toBe(200);
  });

  it('cannot embed anything, but may link to it', async () => {
    const rig = new Rig();
    const from = (mode: string) => rig.get('/health', { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode } });
    expect([(await from('cors')).status, (await from('no-cors')).status, (await from('navigate')).status]).toEqual([403, 403, 200]);
  });
});

describe('addresses', () => {
  it('of loopback are known in every form', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', '::ffff:127.0.0.1'].map(isLoopback)).not.toContain(false);
    expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', '1270.0.0.1', 'shop', '::ffff:10.0.0.1'].map(isLoopback)).not.toContain(true);
  });

  it('at every address of the machine are allowed by number, names are not', () => {
    expect(['10.1.2.3:80', '[fe80::1]:9464', '127.0.0.1'].map((host) => isHostAllowed(host, '0.0.0.0', []))).toEqual([true, true, true]);
    expect(['evil.example', 'shop'].map((host) => isHostAllowed(host, '::', []))).toEqual([false, false]);
  });
});
