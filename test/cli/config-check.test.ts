import { describe, expect, it } from 'vitest';
import { configDir } from '../support/config-dir.ts';
import { admin, cli, refused, served } from './harness.ts';

describe('config check', () => {
  it('says line and column of every fault, and ends with 1', async () => {
    const cwd = configDir({ 'bad.yaml': 'mode: shadow\ndefaults:\n  failureRatio: 3\n  minimumCals: 5\n', 'broken.json': '{\n  "mode": \n' });
    const { code, out, err } = await cli(['config', 'check', 'bad.yaml'], { cwd });
    expect([code, err]).toEqual([1, '2 faults\n']);
    expect(out).toMatch(/^bad\.yaml:3:3: defaults\.failureRatio is 3; allowed: .*\nbad\.yaml:4:3: defaults\.minimumCals .*did you mean minimumCalls/);
    expect(JSON.parse((await cli(['config', 'check', 'bad.yaml', '--json'], { cwd })).out)).toMatchObject({
      ok: false,
      faults: [{ source: 'bad.yaml', line: 3, column: 3, path: 'defaults.failureRatio', value: 3 }, { line: 4 }],
    });
    expect(await cli(['config', 'check', 'broken.json'], { cwd })).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^broken\.json:\d+:\d+: .*valid JSON/),
    });
    expect(await cli(['config', 'check', 'none.yaml'], { cwd })).toMatchObject({ code: 1, out: expect.stringMatching(/^none\.yaml: .*ENOENT/) });
  });

  it('finds faults of the environment as well, but none in what is the command line’s own', async () => {
    refused();
    const env = { ...admin, OTEL_BREAKER_URL: 'http://127.0.0.1:1' };
    expect(await cli(['config', 'check'], { env })).toMatchObject({ code: 0, err: expect.stringContaining('not compared') });
    const { code, out } = await cli(['config', 'check'], { env: { OTEL_BREAKER_FAILURE_RATIO: '2' } });
    expect([code, out]).toEqual([1, expect.stringMatching(/^environment: OTEL_BREAKER_FAILURE_RATIO is "2"/)]);
  });

  it('says what would change in the running process', async () => {
    const rig = served();
    rig.registry.get('redis://a read', { system: 'redis', operation: 'read' });
    rig.registry.get('http://b', { system: 'http' });
    const cwd = configDir({
      'otel-breaker.yaml': 'systems:\n  redis: { mode: shadow, minimumCalls: 7, failureRatio: off }\n',
      'same.yaml': 'mode: enforce\n',
    });
    const { code, out } = await cli(['config', 'check'], { cwd });
    expect([code, out.split('\n')]).toEqual([
      0,
      [
        'otel-breaker.yaml: no fault',
        expect.stringMatching(/^for shop \(pid \d+\) it would change:/),
        '  redis://a read: mode: enforce -> shadow',
        expect.stringMatching(/ {2}redis:\/\/a read: minimumCalls: \d+ -> 7/),
        '  redis://a read: failureRatio: 0.5 -> off',
        '  redis://a read: rule: none -> systems.redis',
        '',
      ],
    ]);
    expect((await cli(['config', 'check', 'same.yaml'], { cwd })).out).toContain('no change for shop');
    expect(JSON.parse((await cli(['config', 'check', '--json'], { cwd })).out)).toMatchObject({ ok: true, service: 'shop', changes: { length: 4 } });
  });
});
