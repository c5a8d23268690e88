import { describe, expect, it, vi } from 'vitest';
import { matchOf } from '../../src/cli/commands/mode.ts';
import { readSecret } from '../management/rig.ts';
import { admin, cli, served } from './harness.ts';

const redis = { system: 'redis', address: '127.0.0.1', port: 6379, operation: 'read' };

function shop() {
  const rig = served();
  for (const name of ['redis://a read', 'redis://a write', 'http://b']) rig.registry.get(name, name.startsWith('redis') ? redis : { system: 'http' });
  return rig;
}

describe('a breaker', () => {
  it.each([
    ['open', 'forced_open'],
    ['close', 'disabled'],
    ['shadow', 'shadow'],
  ])('is told to %s, and released again', async (command, state) => {
    const rig = shop();
    expect(await cli([command, 'http://b', '--reason', 'game day'], { env: admin })).toEqual({
      code: 0,
      out: `http://b: closed -> ${state}\n`,
      err: '',
    });
    expect(rig.registry.find('http://b')?.state).toBe(state);
    expect(rig.audit).toMatchObject([{ actor: 'ops', reason: 'game day', changes: [{ breaker: 'http://b' }] }]);
    expect(await cli([command, 'http://b'], { env: admin })).toMatchObject({ code: 0, out: 'http://b: was so already\n' });
    await cli(['release', 'http://b'], { env: admin });
    expect(rig.registry.find('http://b')?.state).toBe('closed');
  });

  it('that nobody holds cannot be released', async () => {
    const rig = shop();
    expect((await cli(['release', 'http://b'], { env: admin })).out).toBe('http://b: was not held\n');
    rig.registry.configure(() => ({ options: { mode: 'shadow' } }));
    await cli(['shadow', 'http://b'], { env: admin });
    expect((await cli(['release', 'http://b'], { env: admin })).out).toBe('http://b: released, and goes on as it is\n');
    expect((await cli(['release', 'http://b'], { env: admin })).out).toBe('http://b: was not held\n');
  });

  it('is reset', async () => {
    const rig = shop();
    rig.registry.find('http://b')?.forceOpen();
    await cli(['reset', 'http://b'], { env: admin });
    expect(rig.registry.find('http://b')?.state).toBe('closed');
  });

  it('is meant by a pattern, with others; JSON says which', async () => {
    const rig = shop();
    const { out } = await cli(['open', 'redis://*', '--json'], { env: admin });
    expect(JSON.parse(out)).toMatchObject({ actor: 'ops', action: 'force-open', breakers: ['redis://a read', 'redis://a write'], changes: [{}, {}] });
    expect(rig.registry.list().map(({ state }) => state)).toEqual(['forced_open', 'forced_open', 'closed']);
  });

  it('whose name has a * in it is meant alone', async () => {
    const rig = shop();
    rig.registry.get('http://*');
    await cli(['open', 'http://*'], { env: admin });
    expect([rig.registry.find('http://*')?.state, rig.registry.find('http://b')?.state]).toEqual(['forced_open', 'closed']);
  });

  it('that is not there is asked for in vain, with what there is', async () => {
    shop();
    expect(await cli(['open', 'redis://a raed'], { env: admin })).toMatchObject({
      code: 1,
      err: expect.stringContaining("did you mean 'redis://a read'?"),
    });
    expect(await cli(['open', 'pg*'], { env: admin })).toMatchObject({ code: 1, err: expect.stringContaining('there are: redis://a read, ') });
  });

  it('is nobody’s without the right token: code 4', async () => {
    const rig = shop();
    for (const token of [undefined, 'wrong', readSecret]) {
      const { code, err } = await cli(['open', 'http://b'], { env: token === undefined ? {} : { OTEL_BREAKER_ADMIN_TOKEN: token } });
      expect([code, err]).toEqual([4, expect.stringMatching(/token/)]);
    }
    expect(rig.registry.find('http://b')?.state).toBe('closed');
  });

  it('is one of many: the server’s limit of actions is waited for', async () => {
    const rig = served();
    for (let index = 0; index < 25; index += 1) rig.registry.get(`http://${index}`);
    const looks = Array.from({ length: 10 }, () => () => rig.clock.advance(1_000));
    expect(await cli(['open', '*'], { env: admin, looks })).toMatchObject({ code: 0 });
    expect(rig.registry.list().every(({ state }) => state === 'forced_open')).toBe(true);
  });

  it('that was moved before the next was refused is told of', async () => {
    const rig = shop();
    const ask = globalThis.fetch;
    let left = 2;
    vi.stubGlobal('fetch', (url: string, init: RequestInit) => (left-- > 0 ? ask(url, init) : Promise.reject(new TypeError('gone'))));
    const { code, out } = await cli(['open', 'redis*'], { env: admin });
    expect([code, out]).toEqual([3, 'redis://a read: closed -> forced_open\n']);
    expect(rig.audit).toHaveLength(1);
  });
});

describe('the mode', () => {
  it('is set for those that match, and taken back', async () => {
    const rig = shop();
    const modes = () => rig.registry.list().map(({ mode }) => mode);
    const { code, out } = await cli(['mode', 'shadow', '--match', 'system=redis,name=*read'], { env: admin });
    expect([code, out, modes()]).toEqual([0, expect.stringContaining('redis://a read: '), ['shadow', 'enforce', 'enforce']]);
    await cli(['mode', 'configured'], { env: admin });
    expect(modes()).toEqual(['enforce', 'enforce', 'enforce']);
    expect((await cli(['mode', 'off', '--match', 'system=postgresql'], { env: admin })).out).toContain('holds for those to come');
  });

  it('matches by one text or several, with commas in values', () => {
    expect(matchOf(['system=redis,operation=read'])).toEqual({ system: 'redis', operation: 'read' });
    expect(matchOf(['system=redis', 'name=a,b'])).toEqual({ system: 'redis', name: 'a,b' });
    expect(matchOf([])).toBeUndefined();
  });
});

describe('how calls are served', () => {
  it('is set for all, and taken back', async () => {
    const rig = shop();
    const served = () => rig.registry.list().map(({ degraded }) => degraded);
    const { code, out } = await cli(['degrade', 'read-only', '--reason', 'disk full'], { env: admin });
    expect([code, out, served()]).toEqual([0, expect.stringContaining('redis://a read: served as ever -> read-only\n'), Array(3).fill('read-only')]);
    expect(rig.audit).toMatchObject([{ action: 'degrade', reason: 'disk full' }]);
    expect((await cli(['status', '--once'])).out).toMatch(/· calls served read-only by hand\b/);
    await cli(['degrade', 'configured'], { env: admin });
    expect(served()).toEqual(Array(3).fill(undefined));
    expect((await cli(['degrade', 'configured'], { env: admin })).out).toContain('holds for those to come');
  });

  it('is one of those that there are: code 2', async () => {
    shop();
    expect(await cli(['degrade', 'readonly'], { env: admin })).toMatchObject({
      code: 2,
      err: expect.stringContaining('read-only, empty, bypass, off'),
    });
  });
});
