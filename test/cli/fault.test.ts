import { afterEach, describe, expect, it, vi } from 'vitest';
import { readSecret } from '../management/rig.ts';
import { admin, cli, served } from './harness.ts';

function shop() {
  const rig = served();
  for (const name of ['redis://a read', 'redis://a write', 'http://b'])
    rig.registry.get(name, { system: name.startsWith('redis') ? 'redis' : 'http' });
  return rig;
}
const scopes = (rig: ReturnType<typeof shop>): string[] => rig.registry.injections.map(({ scope }) => scope);

afterEach(() => void vi.unstubAllEnvs());

describe('fault', () => {
  it('injects, lists and ends', async () => {
    const rig = shop();
    const given = ['fault', 'hang', 'redis://a read', '--share', '50%', '--duration', '2m', '--reason', 'game day'];
    const line = 'hang, 50 % of the calls of redis://a read: 2 min left; 0 calls have met it; by ops (game day)\n';
    expect(await cli(given, { env: admin })).toEqual({ code: 0, out: line, err: '' });
    expect(await cli(['fault', 'list'], { env: admin })).toEqual({ code: 0, out: line, err: '' });
    expect(rig.registry.injections[0]?.fault).toMatchObject({ kind: 'hang', share: 0.5, durationMs: 120_000, by: 'ops', reason: 'game day' });
    expect(await cli(['fault', 'off', 'redis://a read'], { env: admin })).toEqual({ code: 0, out: 'no faults are injected\n', err: '' });
  });

  it('says what an error looks like and how long calls take', async () => {
    const rig = shop();
    await cli(['fault', 'error', 'http://b', '--code', 'ECONNRESET', '--message', 'cut'], { env: admin });
    rig.registry.find('http://b')?.tryAcquire();
    const { out } = await cli(['fault', 'latency', '--match', 'system=redis', '--latency', '200ms'], { env: admin });
    expect(out.split('\n')).toEqual([
      'error ECONNRESET, all calls of http://b: 1 min left; 1 call has met it; by ops',
      'latency of 200 ms, all calls of system: redis (2 circuits now): 1 min left; 0 calls have met it; by ops',
      '',
    ]);
  });

  it('means all that a pattern matches, those to come as well', async () => {
    const rig = shop();
    await cli(['fault', 'error', 'redis://*'], { env: admin });
    rig.registry.get('redis://c read');
    expect(rig.registry.injections[0]?.breakers.map(({ name }) => name)).toEqual(['redis://a read', 'redis://a write', 'redis://c read']);
    expect([await cli(['fault', 'off'], { env: admin }), scopes(rig)]).toMatchObject([{ code: 0 }, []]);
  });

  it('answers scripts with JSON', async () => {
    shop();
    const { out } = await cli(['fault', 'error', 'http://b', '--json'], { env: admin });
    expect(JSON.parse(out)).toMatchObject({ actor: 'ops', faults: [{ kind: 'error', scope: 'http://b', remainingMs: 60_000 }] });
    expect(JSON.parse((await cli(['fault', 'list', '--json'], { env: admin })).out)).toMatchObject({ faults: [{ kind: 'error' }] });
  });

  it.each([
    [['fault', 'hnag', 'x'], "the fault is 'hnag'; allowed: list, error, latency, hang, off"],
    [['fault', 'hang'], 'whose calls is missing'],
    [['fault', 'hang', 'x', '--match', 'system=redis'], 'both given'],
    [['fault', 'latency', 'http://b'], '--latency is missing'],
    [['fault', 'latency', 'http://b', '--latency', 'soon'], "--latency is 'soon'; allowed: a time over 0"],
    [['fault', 'hang', 'http://b', '--latency', '5s'], '--latency has no meaning for hang; it is for latency'],
    [['fault', 'off', '--share', '1'], '--share has no meaning for off'],
    [['fault', 'error', 'http://b', '--share', '150%'], "--share is '150%'; allowed: over 0 and at most 1"],
    [['fault', 'list', 'http://b'], 'fault list shows all'],
  ])('%j makes no sense', async (args, message) => {
    const rig = shop();
    expect(await cli(args, { env: admin })).toMatchObject({ code: 2, out: '', err: expect.stringContaining(message) });
    expect(scopes(rig)).toEqual([]);
  });

  it('is refused for nobody, for too long a time, in production and without a token', async () => {
    const rig = shop();
    expect(await cli(['fault', 'hang', 'http://c'], { env: admin })).toMatchObject({
      code: 1,
      err: expect.stringContaining("did you mean 'http://b'?"),
    });
    expect(await cli(['fault', 'hang', 'http://b', '--duration', '2h'], { env: admin })).toMatchObject({
      code: 1,
      err: expect.stringContaining('at most 3600000'),
    });
    expect(await cli(['fault', 'hang', 'http://b'])).toMatchObject({ code: 4 });
    expect(await cli(['fault', 'hang', 'http://b'], { env: { OTEL_BREAKER_READ_TOKEN: `r:${readSecret}` } })).toMatchObject({ code: 4 });
    vi.stubEnv('NODE_ENV', 'production');
    expect(await cli(['fault', 'hang', 'http://b'], { env: admin })).toMatchObject({
      code: 1,
      err: expect.stringContaining('OTEL_BREAKER_ALLOW_FAULTS=true'),
    });
    expect(await cli(['fault', 'list'], { env: admin })).toMatchObject({
      code: 0,
      out: expect.stringContaining('no faults are injected in production'),
    });
    expect(scopes(rig)).toEqual([]);
  });
});
