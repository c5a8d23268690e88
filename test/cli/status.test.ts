import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { length } from '../../src/cli/numbers.ts';
import { Rig } from '../management/rig.ts';
import { admin, cli, served } from './harness.ts';

/** A shop with a circuit that has opened. */
function shop(): Rig {
  const rig = served(new Rig({}, { resolve: () => ({ options: { failureRatio: 0.5, minimumCalls: 4 } }) }));
  rig.registry.get('http://well').tryAcquire()?.succeed();
  for (let call = 0; call < 4; call += 1)
    rig.registry
      .get('redis://ill read')
      .tryAcquire()
      ?.fail(Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
  rig.clock.advance(300);
  return rig;
}

const escapes = '\u001B';

describe('the status', () => {
  it('has the open circuit first, with why and since when', async () => {
    shop();
    const { code, out } = await cli(['status']);
    const lines = out.split('\n');
    expect([code, lines[0]]).toEqual([0, expect.stringMatching(/^shop · pid \d+ · .* · 2 circuits$/)]);
    const rows = lines.slice(lines.findIndex((line) => line.startsWith('CIRCUIT')) + 1);
    expect(rows[0]).toMatch(/^redis:\/\/ill read +(open|half_open) .*failure_ratio \(ECONNRESET\)/);
    expect(rows[1]).toMatch(/^http:\/\/well +closed/);
  });

  it('is of some only, or is JSON', async () => {
    shop();
    expect((await cli(['status', 'http*'])).out).not.toMatch(/^redis:/m);
    expect(JSON.parse((await cli(['--json'])).out)).toMatchObject({ service: 'shop', breakers: [{}, {}] });
  });

  it('says who holds a circuit, and why', async () => {
    const rig = shop();
    const row = async (name: string) => (await cli(['status', name])).out.split('\n').at(-2);
    await cli(['open', '*', '--reason', 'restore'], { env: admin });
    expect(await row('redis*')).toMatch(/^redis:\/\/ill read +forced_open .* by ops: restore, opened 300 ms ago$/);
    expect(await row('http*')).toMatch(/^http:\/\/well +forced_open .* by ops: restore$/);
    await cli(['shadow', 'http*'], { env: admin });
    expect(await row('http*')).toMatch(/^http:\/\/well +shadow .* by ops$/);
    await cli(['release', '*'], { env: admin });
    expect(await row('http*')).not.toContain('by ops');
    rig.registry.find('http://well')?.forceOpen();
    expect(await row('http*')).toMatch(/by hand$/);
  });

  it('says in words of its own that a port is none for HTTP', async () => {
    const { code, err } = await cli(['status', '--url', 'http://127.0.0.1:1']);
    expect([code, err]).toEqual([3, expect.stringContaining('nothing answers at http://127.0.0.1:1 (fetch makes no requests to this port, ')]);
  });

  it('has colours for a person only, and not for one who wants none', async () => {
    shop();
    expect((await cli(['status', '--once'], { terminal: true })).out).toContain(`${escapes}[31mopen`);
    for (const given of [{ terminal: false }, { terminal: true, env: { NO_COLOR: '1' } }, { terminal: true, env: { TERM: 'dumb' } }])
      expect((await cli(['status', '--once'], given)).out).not.toContain(escapes);
  });

  it('lets no name command the terminal', async () => {
    const rig = shop();
    rig.registry.get(`evil${escapes}[2Jname\n`);
    const { out } = await cli(['status', '--once'], { env: { NO_COLOR: '1' }, terminal: true });
    expect(out).toContain('evil\u{FFFD}[2Jname\u{FFFD}');
    expect(out).not.toContain(escapes);
  });

  it('is live in a terminal, fits it, and outlives a restart of the service', async () => {
    const rig = shop();
    for (let index = 0; index < 40; index += 1) rig.registry.get(`http://${'long'.repeat(20)}${index}`);
    const answers = globalThis.fetch;
    const { code, out } = await cli(['status'], {
      terminal: true,
      columns: 100,
      rows: 12,
      looks: [
        () => void rig.registry.find('http://well')?.forceOpen(),
        () => void vi.stubGlobal('fetch', () => Promise.reject(new TypeError('gone'))),
        () => void vi.stubGlobal('fetch', answers),
      ],
    });
    expect(code).toBe(0);
    const frames = out.split(`${escapes}[H`);
    expect(frames).toHaveLength(5);
    expect(frames[0]).toContain('[?1049h');
    expect(out.endsWith(['[?7h', '[?25h', '[?1049l'].map((end) => escapes + end).join(''))).toBe(true);
    const plain = frames.slice(1).map((frame) => stripVTControlCharacters(frame));
    for (const frame of plain) {
      const lines = frame.trimEnd().split('\n');
      expect(lines.length).toBeLessThan(12);
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(100);
    }
    expect(plain[0]).not.toContain('forced_open');
    expect(plain[1]).toContain('forced_open');
    expect(plain[0]).toMatch(/^redis:/m);
    expect(plain[0]).not.toContain('IN FLIGHT');
    expect([plain[2], plain[3]]).toEqual([expect.stringContaining('old, since nothing answers'), expect.not.stringContaining('old, since')]);
  });

  it('says lengths of time as people do', () => {
    expect([850, 12_000, 59_700, 250_000, 240_000, 11_100_000, 176_400_000].map(length)).toEqual([
      '850 ms',
      '12 s',
      '1 min',
      '4 min 10 s',
      '4 min',
      '3 h 5 min',
      '2 d 1 h',
    ]);
  });
});
