import { describe, expect, it, vi } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { version } from '../../src/core/version.ts';
import { admin, cli, refused, served } from './harness.ts';

describe('the command line', () => {
  it.each(commands.map(({ name }) => name))('explains %s, and the exit codes', async (name) => {
    for (const args of [
      [...name.split(' '), '--help'],
      ['help', ...name.split(' ')],
    ]) {
      const { code, out } = await cli(args);
      expect(code).toBe(0);
      expect(out).toContain(`Usage: otel-breaker ${name}`);
      expect(out).toContain('Exit codes: 0');
    }
  });

  it('lists its commands, and says its version', async () => {
    const { out } = await cli(['--help']);
    for (const { name, summary } of commands) expect(out).toMatch(new RegExp(`^  ${name}.*${summary.slice(0, 20)}`, 'm'));
    expect(await cli(['--version'])).toMatchObject({ code: 0, out: `${version}\n` });
  });

  it.each([
    [['staus'], "there is no command 'staus'; did you mean status?"],
    [['config'], 'did you mean config check?'],
    [['open'], 'something is missing: otel-breaker open <name or glob>'],
    [['open', 'a', 'b'], "'b' is too much"],
    [['status', '--jsn'], 'did you mean --json?'],
    [['status', '--json=yes'], '--json takes no value'],
    [['status', '--url'], '--url needs a value'],
    [['status', '--url', '--json'], '--url needs a value'],
    [['status', '--url', 'http://a', '--url', 'http://b'], '--url is given twice'],
    [['status', '--url', 'ftp://here'], "--url is 'ftp://here'; allowed: an http:// or https:// URL"],
    [['mode', 'of'], "the mode is 'of'; allowed: off, shadow, enforce, configured"],
    [['mode', 'off', '--match', 'sytem=redis'], "--match has 'sytem'; did you mean system?"],
    [['mode', 'off', '--match', 'system'], '--match system has no value'],
    [['mode', 'off', '--match', 'system=redsi'], 'did you mean redis?'],
    [['dashboard', 'nothing'], 'there are overview, circuit'],
    [['rules', '--source', 'mail'], "--source is 'mail'; allowed: scrape, otlp"],
  ])('%j is told what is allowed, with code 2', async (args, message) => {
    served();
    const { code, err, out } = await cli(args);
    expect([code, out || err]).toEqual([2, expect.stringContaining(message)]);
  });

  it('tells programs of errors as JSON', async () => {
    const { code, out, err } = await cli(['open', '--json']);
    expect([code, err, JSON.parse(out)]).toEqual([2, '', { error: { code: 'usage', message: expect.stringContaining('missing') } }]);
  });

  it('says who does not answer, and ends with 3', async () => {
    refused();
    const { code, err } = await cli(['status', '--url', 'http://127.0.0.1:1']);
    expect([code, err]).toEqual([3, expect.stringMatching(/nothing answers at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/)]);
  });

  it('knows a server that is something else', async () => {
    for (const [status, text] of [
      [404, 'not found'],
      [200, '# HELP'],
      [200, '{"breakers":1}'],
    ] as const) {
      vi.stubGlobal('fetch', async () => new Response(text, { status }));
      expect(await cli(['status'])).toMatchObject({ code: 3, err: expect.stringContaining('no management server of otel-breaker') });
    }
    vi.unstubAllGlobals();
  });

  it('takes the URL of the environment, and sends it no token of anybody else by following it', async () => {
    const asked: [string, RequestInit][] = [];
    vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
      asked.push([url, init]);
      return new Response('{"breakers":[]}');
    });
    await cli(['status', '--json'], { env: { ...admin, OTEL_BREAKER_URL: 'http://127.0.0.1:7777/' } });
    vi.unstubAllGlobals();
    expect(asked[0]).toMatchObject(['http://127.0.0.1:7777/api/overview', { redirect: 'error' }]);
  });

  it('warns of a token that all can see, and never shows it', async () => {
    served();
    const { err, out } = await cli(['mode', 'shadow', '--token', 'correct-horse-battery']);
    expect(err).toContain('OTEL_BREAKER_ADMIN_TOKEN');
    expect(err + out).not.toContain('correct-horse');
    expect((await cli(['mode', 'shadow', '--token', 'x:'])).err).not.toContain("'x:'");
  });
});

describe('what is generated', () => {
  it('is printed: the schema, dashboards and rules', async () => {
    expect(JSON.parse((await cli(['schema'])).out)).toMatchObject({ title: 'otel-breaker configuration' });
    expect(JSON.parse((await cli(['dashboard'])).out)).toMatchObject({ uid: 'otel-breaker-overview' });
    expect(JSON.parse((await cli(['dashboard', 'circuit', '--source', 'otlp'])).out)).toMatchObject({ uid: 'otel-breaker-circuit-otlp' });
    expect((await cli(['rules'])).out).toMatch(/^groups:\n/);
    expect(JSON.parse((await cli(['rules', '--json'])).out)).toMatchObject({ groups: [{ name: 'otel-breaker calls' }, {}, {}, {}] });
  });
});
