import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AdminEvent } from '../../src/management/ports.ts';
import type { AdminAnswer, Overview, ReloadAnswer } from '../../src/management/wire.ts';
import { path, Rig, readSecret, secret } from './rig.ts';

const name = 'redis://h:1 read';
const at = (action: string, breaker = name): string => `/admin/circuit-breakers/${path(breaker)}/${action}`;

describe('an admin request', () => {
  it.each([
    ['force-open', 'forced_open'],
    ['force-closed', 'disabled'],
    ['shadow', 'shadow'],
    ['reset', 'closed'],
    ['release', 'open'],
  ])('%s leaves an open circuit %s, and says what was before and after', async (action, state) => {
    const rig = new Rig();
    const breaker = await rig.open(name);
    const said = await rig.post(at(action), { reason: 'INC-7' });
    expect(breaker.state).toBe(state);
    const changes = state === 'open' ? [] : [{ breaker: name, before: { state: 'open', mode: 'enforce' }, after: { state, mode: 'enforce' } }];
    expect(said.json<AdminAnswer>()).toMatchObject({ action, actor: 'ops', reason: 'INC-7', changes });
    expect(rig.audit).toMatchObject([{ action, actor: 'ops', reason: 'INC-7', changes }]);
  });

  it('release gives a circuit that was held back to its own control', async () => {
    const rig = new Rig();
    const breaker = rig.registry.get(name);
    await rig.post(at('force-open'));
    expect(breaker.state).toBe('forced_open');
    await rig.post(at('release'));
    expect(breaker.state).toBe('closed');
  });

  it('is told to the breaker as the reason of its move', async () => {
    const rig = new Rig();
    const reasons: unknown[] = [];
    rig.registry.get(name).on('transition', ({ reason }) => reasons.push(reason));
    await rig.post(at('force-open'), { reason: 'INC-7' });
    await rig.post(at('reset'));
    expect(reasons).toEqual(['by ops: INC-7', 'by ops']);
  });

  it('cannot put a second line into a log', async () => {
    const rig = new Rig();
    rig.registry.get(name);
    await rig.post(at('force-open'), { reason: `a\n2026 ERROR forged\u2028\u001b[31m${'x'.repeat(500)}` });
    const { reason = '' } = rig.audit[0] as AdminEvent;
    expect(reason).toMatch(/^a 2026 ERROR forged \[31mx+$/);
    expect(reason).toHaveLength(200);
  });

  it('for a breaker that is none is 404, and changes and tells nothing', async () => {
    const rig = new Rig();
    expect((await rig.post(at('reset', 'nobody'))).status).toBe(404);
    expect([rig.registry.list(), rig.audit]).toEqual([[], []]);
  });

  it('goes on when the audit log fails', async () => {
    const rig = new Rig({
      onAdmin: () => {
        throw new Error('full');
      },
    });
    rig.registry.get(name);
    expect((await rig.post(at('force-open'))).status).toBe(200);
  });
});

describe('force-recovery', () => {
  it('lets every open circuit try its dependency now, and leaves what is held', async () => {
    const rig = new Rig();
    const [open, held, closed] = [await rig.open('a'), rig.registry.get('b'), rig.registry.get('c')];
    held.forceOpen();
    const { changes } = (await rig.post('/admin/resilience/force-recovery')).json<AdminAnswer>();
    expect([open.state, held.state, closed.state]).toEqual(['half_open', 'forced_open', 'closed']);
    expect(changes.map(({ breaker, after }) => [breaker, after.state])).toEqual([['a', 'half_open']]);
  });

  it('closes them when asked to', async () => {
    const rig = new Rig();
    const open = await rig.open('a');
    await rig.post('/admin/resilience/force-recovery', { how: 'reset' });
    expect(open.state).toBe('closed');
    expect(rig.audit).toMatchObject([{ action: 'force-recovery', details: ['how: reset'] }]);
  });
});

describe('the mode', () => {
  const set = (rig: Rig, body: object) => rig.post('/admin/resilience/mode', body);

  it('is set for all breakers, those to come as well, until it is taken back', async () => {
    const rig = new Rig();
    const breaker = rig.registry.get('a');
    const said = await set(rig, { mode: 'shadow' });
    expect(said.json<AdminAnswer>().changes).toEqual([
      { breaker: 'a', before: { state: 'closed', mode: 'enforce' }, after: { state: 'shadow', mode: 'shadow' } },
    ]);
    expect([breaker.state, rig.registry.get('later').state]).toEqual(['shadow', 'shadow']);
    await set(rig, { mode: 'configured' });
    expect([breaker.state, rig.registry.get('later').state, rig.registry.get('latest').state]).toEqual(['closed', 'closed', 'closed']);
  });

  it('is set for some, the last that matches counting, and a reload leaves it', async () => {
    const rig = new Rig();
    const redis = rig.registry.get('r', { system: 'redis' });
    const pg = rig.registry.get('p', { system: 'postgresql', operation: 'read' });
    const writes = rig.registry.get('w', { system: 'postgresql', operation: 'write' });
    await set(rig, { mode: 'off', match: { system: 'pg' } });
    await set(rig, { mode: 'shadow', match: { operation: 'w*' } });
    expect([redis.mode, pg.mode, writes.mode]).toEqual(['enforce', 'off', 'shadow']);
    rig.registry.configure(() => ({ options: { minimumCalls: 7 } }));
    expect([redis.mode, pg.mode, writes.mode, pg.options.minimumCalls]).toEqual(['enforce', 'off', 'shadow', 7]);
    await set(rig, { mode: 'configured', match: { system: 'postgresql' } });
    expect([pg.mode, writes.mode]).toEqual(['enforce', 'enforce']);
    await set(rig, { mode: 'configured' });
    expect([redis.mode, pg.mode, writes.mode]).toEqual(['enforce', 'enforce', 'enforce']);
  });
});

describe('how calls are served', () => {
  const degrade = (rig: Rig, mode: string) => rig.post('/admin/resilience/degrade', { mode, reason: 'INC-7' });

  it('is set for all breakers, those to come as well, until it is taken back', async () => {
    const rig = new Rig();
    const breaker = rig.registry.get('a');
    const { changes } = (await degrade(rig, 'read-only')).json<AdminAnswer>();
    const standing = { state: 'closed', mode: 'enforce' };
    expect(changes).toEqual([{ breaker: 'a', before: standing, after: { ...standing, degraded: 'read-only' } }]);
    expect([breaker.degraded, rig.registry.get('later').degraded]).toEqual(['read-only', 'read-only']);
    expect((await rig.get('/api/overview')).json<Overview>()).toMatchObject({ degraded: { mode: 'read-only', by: 'hand' } });
    await degrade(rig, 'configured');
    expect([breaker.degraded, rig.registry.get('later').degraded]).toEqual([undefined, undefined]);
    expect((await rig.get('/health')).json()).not.toHaveProperty('degraded');
    expect(rig.audit).toMatchObject([
      { action: 'degrade', actor: 'ops', reason: 'INC-7', details: ['mode: read-only'], changes },
      { action: 'degrade', details: ['mode: configured'] },
    ]);
  });

  it('stands above what the health of the system says, which counts again afterwards', async () => {
    const rig = new Rig();
    const breaker = rig.registry.get('a');
    rig.registry.degrade('read-only', 'health');
    await degrade(rig, 'off');
    expect(breaker.degraded).toBe('off');
    rig.registry.degrade('empty', 'health');
    expect(breaker.degraded).toBe('off');
    await degrade(rig, 'configured');
    expect(breaker.degraded).toBe('empty');
  });

  it('is one of those that there are', async () => {
    expect((await degrade(new Rig(), 'readonly')).json()).toMatchObject({
      error: { issues: [{ path: 'mode', allowed: expect.stringContaining('did you mean read-only?') }] },
    });
  });
});

describe('a reload', () => {
  it('says what has changed, or with 422 why nothing has', async () => {
    const good = new Rig({ reload: () => Promise.resolve({ applied: true, changes: ['mode: a -> b'], atNextStart: [] }) });
    const said = await good.post('/admin/config/reload', { reason: 'new limits' });
    expect([said.status, said.json<ReloadAnswer>()]).toMatchObject([200, { applied: true, changes: ['mode: a -> b'] }]);
    expect(good.audit).toMatchObject([{ action: 'config-reload', actor: 'ops', reason: 'new limits', details: ['mode: a -> b'] }]);
    const error = new Error('x.yaml:3: no');
    const bad = new Rig({ reload: () => Promise.resolve({ applied: false, changes: [], atNextStart: [], error }) });
    const refused = await bad.post('/admin/config/reload');
    expect([refused.status, refused.json<ReloadAnswer>()]).toMatchObject([422, { applied: false, error: 'x.yaml:3: no' }]);
    expect((await new Rig().post('/admin/config/reload')).status).toBe(501);
  });
});

describe('fault injection', () => {
  afterEach(() => void vi.unstubAllEnvs());

  const faults = '/admin/faults';
  const token = secret;

  it('begins, is listed and shown, and ends by itself', async () => {
    const rig = new Rig();
    const breaker = rig.registry.get(name);
    const said = await rig.post(faults, { breaker: name, kind: 'error', error: { code: 'ECONNRESET' }, reason: 'game day' });
    const fault = {
      ...{
        id: expect.any(Number),
        kind: 'error',
        share: 1,
        error: { code: 'ECONNRESET' },
        scope: name,
        breakers: [name],
        by: 'ops',
        reason: 'game day',
      },
      ...{ since: expect.any(String), until: expect.any(String), remainingMs: 60_000, calls: 0, waiting: 0 },
    };
    expect([said.status, said.json()]).toMatchObject([200, { action: 'faults', actor: 'ops', changes: [], faults: [fault] }]);
    expect(breaker.tryAcquire()).toBeUndefined();
    expect((await rig.get(faults, { token })).json()).toEqual({ at: expect.any(String), faults: [{ ...fault, calls: 1 }] });
    const overview = (await rig.get('/api/overview')).json();
    expect(overview).toMatchObject({
      features: expect.arrayContaining(['faults']),
      faults: [{ ...fault, calls: 1 }],
      breakers: [{ injected: true }],
    });
    rig.clock.advance(60_000);
    expect((await rig.get('/api/overview')).json()).not.toHaveProperty('faults');
    expect((await rig.get(faults, { token })).json()).toMatchObject({ faults: [] });
    expect(rig.audit).toMatchObject([
      { action: 'faults', actor: 'ops', reason: 'game day', details: [`breaker: ${name}`, 'kind: error', 'error.code: ECONNRESET'] },
    ]);
  });

  it('is for all that match, those to come as well, and takes the place of what was asked for there before', async () => {
    const rig = new Rig();
    rig.registry.get(name, { system: 'redis' });
    await rig.post(faults, { match: { system: 'redis' }, kind: 'latency', latencyMs: 200, share: 0.5 });
    rig.registry.get('redis://h:1 write', { system: 'redis' });
    rig.registry.get('http://h', { system: 'http' });
    const breakers = [name, 'redis://h:1 write'];
    expect((await rig.get(faults, { token })).json()).toMatchObject({ faults: [{ scope: 'system: redis', latencyMs: 200, share: 0.5, breakers }] });
    await rig.post(faults, { match: { system: 'redis' }, kind: 'hang', durationMs: 1_000 });
    expect((await rig.get(faults, { token })).json()).toMatchObject({ faults: [{ kind: 'hang', breakers, remainingMs: 1_000 }] });
  });

  it.each([
    ['of one breaker ends all that concerns it', { breaker: name, kind: 'off' }, ['http://h']],
    ['of a match ends all that concerns one of those', { match: { system: 'http' }, kind: 'off' }, [name, 'system: redis']],
    ['ends everything', { kind: 'off' }, []],
    ['of all ends everything', { match: {}, kind: 'off' }, []],
    ['of who will never come ends nothing', { match: { system: 'nobody' }, kind: 'off' }, [name, 'system: redis', 'http://h']],
  ])('off %s', async (_, body, left) => {
    const rig = new Rig();
    rig.registry.get(name, { system: 'redis' });
    rig.registry.get('http://h', { system: 'http' });
    await rig.post(faults, { breaker: name, kind: 'error' });
    await rig.post(faults, { match: { system: 'redis' }, kind: 'error' });
    await rig.post(faults, { breaker: 'http://h', kind: 'error' });
    const said = await rig.post(faults, body);
    expect([said.status, said.json<AdminAnswer>().faults?.map(({ scope }) => scope)]).toEqual([200, left]);
  });

  it.each([
    ['nobody of that name', { breaker: 'nobody', kind: 'error' }, 404, 'unknown_breaker', /no breaker is named 'nobody'/],
    ['no breaker', { kind: 'error' }, 400, 'invalid_body', /neither breaker nor match/],
    ['two kinds of scope', { breaker: name, match: {}, kind: 'error' }, 400, 'invalid_body', /both/],
    ['latency without a length', { breaker: name, kind: 'latency' }, 400, 'invalid_body', /latencyMs/],
    ['longer than an hour', { breaker: name, kind: 'hang', durationMs: 3_600_001 }, 400, 'invalid_body', /durationMs/],
  ])('is refused for %s, and nothing is injected', async (_, body, status, code, message) => {
    const rig = new Rig();
    rig.registry.get(name);
    const said = await rig.post(faults, body);
    expect([said.status, said.json()]).toMatchObject([status, { error: { code, message: expect.stringMatching(message) } }]);
    expect(rig.registry.injections).toEqual([]);
  });

  it('is refused in production, and says so before anybody asks', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    const rig = new Rig();
    rig.registry.get(name);
    const said = await rig.post(faults, { breaker: name, kind: 'error' });
    expect([said.status, said.text]).toEqual([409, expect.stringContaining('no faults are injected in production (NODE_ENV=production)')]);
    expect(rig.audit).toMatchObject([{ action: 'faults', error: expect.stringContaining('production') }]);
    expect((await rig.get(faults, { token })).json()).toMatchObject({ refused: expect.stringContaining('OTEL_BREAKER_ALLOW_FAULTS=true') });
    expect((await rig.get('/api/overview')).json<Overview>().features).not.toContain('faults');
    vi.stubEnv('OTEL_BREAKER_ALLOW_FAULTS', 'true');
    expect((await rig.post(faults, { breaker: name, kind: 'error' })).status).toBe(200);
  });

  it('needs an admin token, to be seen too', async () => {
    const rig = new Rig();
    rig.registry.get(name);
    for (const [asked, status] of [
      [{}, 401],
      [{ token: readSecret }, 403],
    ] as const) {
      expect((await rig.ask('POST', faults, { body: { breaker: name, kind: 'error' }, ...asked })).status).toBe(status);
      expect((await rig.get(faults, asked)).status).toBe(status);
    }
    expect(rig.registry.injections).toEqual([]);
  });
});

describe('a body', () => {
  const mode = '/admin/resilience/mode';
  it.each([
    ['is no JSON', '{', 400, 'bad_request'],
    ['is no object', '[]', 400, 'invalid_body'],
    ['is not UTF-8', Buffer.from('{"mode":"off","reason":"\xff"}', 'latin1'), 400, 'bad_request'],
    ['has an unknown key', '{"mode":"off","mod":1}', 400, 'invalid_body'],
    ['lacks a key', '{}', 400, 'invalid_body'],
    ['has a wrong value', '{"mode":"of"}', 400, 'invalid_body'],
    ['wants to be a prototype', '{"mode":"off","__proto__":{"x":1}}', 400, 'invalid_body'],
    ['has a wrong match', '{"mode":"off","match":{"name":""}}', 400, 'invalid_body'],
  ])('that %s is refused', async (_what, raw, status, code) => {
    const rig = new Rig();
    const said = await rig.post(mode, undefined, { raw });
    expect([said.status, said.json()]).toMatchObject([status, { error: { code } }]);
    expect(rig.audit).toEqual([]);
  });

  it('says each thing that is wrong with it', async () => {
    const said = await new Rig().post(mode, { mode: 'of', match: { nam: 'x' } });
    expect(said.json()).toMatchObject({
      error: {
        message: expect.stringContaining('did you mean off?'),
        issues: [
          { path: 'mode', allowed: expect.stringContaining('did you mean off?') },
          { path: 'match.nam', allowed: expect.stringContaining('name') },
        ],
      },
    });
  });

  it('is JSON by its type, or there is none', async () => {
    const rig = new Rig();
    rig.registry.get(name);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonx', undefined]) {
      expect([type, (await rig.post(at('reset'), {}, { headers: { 'content-type': type } })).status]).toEqual([type, 415]);
    }
    expect((await rig.post(at('reset'), {}, { headers: { 'content-type': 'Application/JSON; charset=utf-8' } })).status).toBe(200);
    expect((await rig.post(at('reset'))).status).toBe(200);
  });

  it('that says it is too large is not waited for', async () => {
    const said = await new Rig().post(mode, { mode: 'off' }, { headers: { 'content-length': '16385' } });
    expect([said.status, said.headers.connection]).toEqual([413, 'close']);
  });
});
