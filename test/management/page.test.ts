import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Matcher } from '../../src/config/matching.ts';
import { pageAssets } from '../../src/management/page/assets.ts';
import { entriesOf } from '../../src/management/page/browser/facts/log-entries.ts';
import { matching } from '../../src/management/page/browser/facts/matching.ts';
import { textsOf } from '../../src/management/page/browser/facts/news.ts';
import { groups, sorted } from '../../src/management/page/browser/facts/order.ts';
import { outageOf } from '../../src/management/page/browser/facts/outage.ts';
import { Series, span } from '../../src/management/page/browser/facts/series.ts';
import { Store } from '../../src/management/page/browser/facts/store.ts';
import { stretchesOf } from '../../src/management/page/browser/facts/stretches.ts';
import { EventParser } from '../../src/management/page/browser/server/sse.ts';
import { count, countdown, length, percent, rate } from '../../src/management/page/browser/words/format.ts';
import { nameParts, why } from '../../src/management/page/browser/words/names.ts';
import type { BreakerView, Overview, SampleView, TransitionView } from '../../src/management/wire.ts';
import { Rig } from './rig.ts';

const name = 'redis://127.0.0.1:6379 read';

const view: BreakerView = {
  name,
  target: {},
  state: 'closed',
  mode: 'enforce',
  sinceMs: 1_000,
  window: { recorded: 0, failures: 0, slow: 0 },
  minimumCalls: 10,
  consecutiveFailures: 0,
  inFlight: 0,
  probesInFlight: 0,
  rejections: {},
  shadowRejections: {},
  calls: {},
  lastErrors: [],
  openings: 0,
};

const origin = 1_800_000_000_000;
const ms = (seconds: number): number => origin + seconds * 1_000;
const at = (seconds: number): string => new Date(ms(seconds)).toISOString();

const overview = (seconds: number, more: Partial<Overview> = {}): Overview => ({
  service: 'shop',
  pid: 1,
  version: '0',
  at: at(seconds),
  mode: 'enforce',
  system: { state: 'healthy', reasons: [], dependencies: { total: 0, up: 0 } },
  checks: [],
  breakers: [view],
  alerts: [],
  pools: [],
  adminEnabled: false,
  features: [],
  ...more,
});

const move = (seconds: number, from: TransitionView['from'], to: TransitionView['to'], more: Partial<TransitionView> = {}): TransitionView => ({
  breaker: name,
  at: at(seconds),
  from,
  to,
  trigger: 'connection',
  ...more,
});

/** Opens at 10 s; probes fail at 15 and 25 s. */
const opening = [move(10, 'closed', 'open', { trigger: 'failure_ratio', value: 0.6, limit: 0.5, errorType: 'ECONNREFUSED' })];
const probed = [
  ...opening,
  move(15, 'open', 'half_open'),
  move(15.1, 'half_open', 'open'),
  move(25, 'open', 'half_open'),
  move(25.1, 'half_open', 'open'),
];

describe('the page as it is served', () => {
  test('is at most 150 kB, 55 kB on the way, loads nothing from elsewhere, and has no style or script within', () => {
    const bodies = [...pageAssets.values()].map(({ body }) => String(body));
    expect(bodies.reduce((total, body) => total + Buffer.byteLength(body), 0)).toBeLessThan(150_000);
    expect(bodies.reduce((total, body) => total + gzipSync(body).length, 0)).toBeLessThan(55_000);
    const html = String(pageAssets.get('/')?.body);
    expect(html).not.toMatch(/ style=|<style| on\w+=|<script(?![^>]* src=)|(?:src|href)="(?:https?:)?\/\//);
    for (const [, path] of html.matchAll(/(?:src|href)="(\/[^"]*)"/g)) expect(pageAssets.get(path ?? '')?.immutable, path).toBe(true);
  });
});

describe('a file of the page', () => {
  const rig = new Rig({ page: () => Promise.resolve(pageAssets) });
  const [path = ''] = [...pageAssets.keys()].filter((each) => each.endsWith('.js'));

  test('is compressed for whoever takes it so, and only for them', async () => {
    const zipped = await rig.get(path, { headers: { 'accept-encoding': 'deflate, gzip;q=0.8' } });
    expect(zipped.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding', 'content-type': 'text/javascript; charset=utf-8' });
    expect(gunzipSync(zipped.answer.body).toString()).toBe(pageAssets.get(path)?.body);
    for (const accept of [undefined, 'identity', 'gzip;q=0', 'gzipped']) {
      const plain = await rig.get(path, { headers: { 'accept-encoding': accept } });
      expect(plain.headers['content-encoding'], accept).toBeUndefined();
      expect(plain.text, accept).toBe(pageAssets.get(path)?.body);
    }
  });

  test('is not sent again to whoever has it', async () => {
    const headers = { 'accept-encoding': 'gzip' };
    const { etag } = (await rig.get('/', { headers })).headers;
    expect((await rig.get('/', { headers: { ...headers, 'if-none-match': etag } })).status).toBe(304);
    expect((await rig.get('/', { headers: { 'if-none-match': etag } })).status).toBe(200);
  });
});

describe('server-sent events', () => {
  test('come whole however they are cut', () => {
    const text = 'retry: 2000\n\nevent: a\ndata: {"x":1}\n\nevent: b\r\ndata: y\r\n\r\n';
    for (const size of [1, 3, 7, text.length]) {
      const parser = new EventParser();
      const found = [];
      for (let from = 0; from < text.length; from += size) found.push(...parser.push(text.slice(from, from + size)));
      expect(found, `by ${size}`).toEqual([
        { name: 'a', data: '{"x":1}' },
        { name: 'b', data: 'y' },
      ]);
    }
  });
});

describe('what a circuit has done', () => {
  test('is told a second, from totals', () => {
    const series = new Series();
    series.add({ ...view, calls: { success: 10 } }, 1);
    series.add({ ...view, calls: { success: 30, failure: 4 }, rejections: { open: 2 } }, 3);
    expect(series.points.map(({ served, failed, rejected }) => [served, failed, rejected])).toEqual([
      [null, null, null],
      [10, 2, 1],
    ]);
    expect(series.countSince(1, 'served')).toBe(20);
  });

  test('is one point in three seconds, which grows until it is over', () => {
    const series = new Series();
    for (let second = 0; second <= 8; second += 1) series.add({ ...view, calls: { success: second * 7 } }, second);
    expect(series.points.map(({ at: when }) => when)).toEqual([2, 5, 8]);
    expect(series.points.map(({ served }) => served)).toEqual([7, 7, 7]);
    expect(series.countSince(0, 'served')).toBe(56);
  });

  test('is unknown where totals begin anew', () => {
    const series = new Series();
    series.add({ ...view, calls: { success: 10 } }, 1);
    series.add({ ...view, calls: { success: 3 } }, 4);
    expect(series.points[1]?.served).toBeNull();
  });

  test('is forgotten after a quarter of an hour', () => {
    const series = new Series();
    for (let second = 0; second <= span + 60; second += 1) series.add(view, second);
    expect(series.points[0]?.at).toBe(62);
  });

  test('goes on from what the service has kept', () => {
    const series = new Series();
    series.add(view, origin / 1_000 + 20);
    const sample = {
      state: 'closed',
      recorded: 20,
      failures: 2,
      slow: 0,
      failureRatio: 0.1,
      inFlight: 1,
      succeeded: 5,
      failed: 0,
      rejected: 10,
      fallbacks: 0,
    } as const;
    series.prepend([5, 10, 15, 25].map((seconds): SampleView => ({ at: at(seconds), ...sample })));
    expect(series.points.map(({ at: when }) => when - origin / 1_000)).toEqual([5, 10, 15, 20]);
    expect(series.points.map(({ rejected, ratio }) => [rejected, ratio]).slice(0, 3)).toEqual([
      [null, 0.1],
      [2, 0.1],
      [2, 0.1],
    ]);
  });

  test('is not mixed with what another process did', () => {
    const store = new Store();
    store.take(overview(1));
    store.remember(opening);
    expect(store.take(overview(2))).toBe(false);
    expect(store.take(overview(3, { pid: 2 }))).toBe(true);
    expect(store.transitions).toEqual([]);
    expect(store.seriesOf(name).points).toHaveLength(1);
  });

  test('is known since the first thing that anybody tells of it', () => {
    const store = new Store();
    store.take(overview(100, { breakers: [{ ...view, sinceMs: 30_000 }] }));
    expect(Math.round((store.knownSince - origin) / 1_000)).toBe(70);
    expect(store.minutes).toBe(3);
    store.remember(opening);
    expect(store.knownSince).toBe(ms(10));
  });

  test('is told once, though a transition comes by the history and as it happens, a little off', () => {
    const store = new Store();
    store.remember(probed);
    store.remember([...probed.map((each) => ({ ...each, at: new Date(Date.parse(each.at) + 3).toISOString() })), move(40, 'open', 'half_open')]);
    expect(store.movesOf(name)).toHaveLength(6);
  });
});

describe('an outage', () => {
  const open: BreakerView = { ...view, state: 'open', sinceMs: 4_000 };

  test('began when the circuit left closed, however often it has probed since', () => {
    expect(outageOf(open, probed, ms(30))).toEqual({ since: ms(10), cause: opening[0], failedProbes: 2 });
    expect(outageOf({ ...open, state: 'half_open' }, probed.slice(0, 2), ms(16))).toEqual({ since: ms(10), cause: opening[0], failedProbes: 0 });
    expect(outageOf(view, probed, ms(30))).toBeUndefined();
  });

  test('is as long as is known where its beginning is not', () => {
    expect(outageOf(open, probed.slice(2), ms(30))).toEqual({ since: ms(15.1), failedProbes: 2 });
    expect(outageOf(open, [], ms(30))).toEqual({ since: ms(26), failedProbes: 0 });
  });

  test('that somebody has made by hand begins with the hand', () => {
    const forced = move(28, 'open', 'forced_open', { trigger: 'manual', reason: 'by ops: game day' });
    expect(outageOf({ ...view, state: 'forced_open' }, [...probed, forced], ms(30))).toMatchObject({ since: ms(28), cause: forced });
  });

  test('of a circuit in shadow is what it would have been', () => {
    const shadow = probed.map((each) => ({ ...each, shadow: true }));
    expect(outageOf({ ...view, state: 'shadow', circuit: 'open' }, shadow, ms(30))?.since).toBe(ms(10));
    expect(outageOf({ ...view, state: 'shadow', circuit: 'closed' }, shadow, ms(30))).toBeUndefined();
  });
});

describe('states over time', () => {
  test('reach from the edge to now, by what is known', () => {
    expect(stretchesOf({ ...view, state: 'open' }, opening, ms(0), ms(20))).toEqual([
      { state: 'closed', from: ms(0), to: ms(10) },
      { state: 'open', from: ms(10), to: ms(20), move: opening[0] },
    ]);
    expect(stretchesOf({ ...view, sinceMs: 5_000 }, [], ms(0), ms(20))).toEqual([{ state: 'closed', from: ms(15), to: ms(20) }]);
  });
});

describe('the log', () => {
  test('makes one line of probes that fail, and none of the step before a closing', () => {
    const all = [...probed, move(40, 'open', 'half_open'), move(40.5, 'half_open', 'closed')];
    const lines = entriesOf(all, [], [], 10).map((entry) => [entry.kind, (entry.at - origin) / 1_000, 'times' in entry ? entry.times : '']);
    expect(lines).toEqual([
      ['move', 40.5, ''],
      ['probes', 25.1, 2],
      ['move', 10, ''],
    ]);
  });

  test('has alerts and what people did in the order of time, the deed before what came of it', () => {
    const forced = move(12, 'closed', 'forced_open');
    const alert = { id: '1', name: 'a', severity: 'warning', state: 'resolved', summary: '', since: at(5), resolvedAt: at(20) } as const;
    const done = { kind: 'admin', data: { at: at(12), action: 'force-open', actor: 'ops', changes: [] } } as const;
    expect(entriesOf([forced], [alert], [done], 10).map(({ kind }) => kind)).toEqual(['alert', 'move', 'admin', 'alert']);
  });
});

describe('the order of circuits', () => {
  const named = (each: string, more: Partial<BreakerView> = {}): BreakerView => ({ ...view, name: each, ...more });
  const views = [
    named('calm 10'),
    named('calm 9'),
    named('near', { failureRatio: 0.45, failureRatioLimit: 0.5 }),
    named('open', { state: 'open' }),
    named('held', { state: 'disabled' }),
    named('off', { state: 'disabled', mode: 'off' }),
    named('would', { state: 'shadow', circuit: 'open', mode: 'shadow' }),
    named('probing', { state: 'half_open' }),
    named('forced', { state: 'forced_open' }),
  ];

  test('puts trouble first, and the rest by name as people count', () => {
    const names = sorted(views, 'Trouble first', new Store()).map((each) => each.name);
    expect(names).toEqual(['forced', 'open', 'probing', 'held', 'would', 'near', 'calm 9', 'calm 10', 'off']);
  });

  test('knows what is held by hand from what the configuration says', () => {
    expect(views.filter(groups['By hand']).map((each) => each.name)).toEqual(['held', 'forced']);
  });
});

test('a match of the page means what it means to the service', () => {
  const targets = [
    { system: 'redis', address: 'Cache.internal', port: 6379, operation: 'read', server: 'redis://cache.internal:6379' },
    { system: 'postgresql', address: '::1', port: 5432, namespace: 'shop', operation: 'write', server: 'postgresql://[::1]:5432/shop' },
    {},
  ];
  const views = targets.map((target, index) => ({ ...view, name: `breaker (${index})`, target }));
  const matches = [
    {},
    { name: 'breaker (1)' },
    { name: 'BREAKER*' },
    { name: 'breaker (?)' },
    { system: 'REDIS' },
    { server: 'cache.internal:*' },
    { server: '[::1]:5432' },
    { server: '::1' },
    { operation: '*' },
    { operation: 'READ' },
    { system: 'redis', operation: 'write' },
  ];
  for (const match of matches) {
    const matcher = new Matcher([{ match }]);
    const meant = views.filter((each) => matcher.matching(each.name, each.target).length > 0);
    expect(matching(views, match), JSON.stringify(match)).toEqual(meant);
  }
});

test('many moves at once are one sentence, and failed probes none', () => {
  expect(textsOf(probed)).toEqual([`${name}: Closed to Open, failure ratio 60 % (limit 50 %), ECONNREFUSED`]);
  const many = Array.from({ length: 12 }, (_, index) => move(index, 'closed', 'open', { breaker: `b${index}` }));
  expect(textsOf([...many, move(20, 'half_open', 'closed')])).toEqual(['12 circuits opened, 1 circuit closed']);
});

test('figures are short, and causes in words', () => {
  expect([length(900), length(61_000), length(3_599_000), length(7_300_000), length(200_000_000)]).toEqual([
    '0 s',
    '1 min 1 s',
    '59 min',
    '2 h 1 min',
    '2 d 7 h',
  ]);
  expect([countdown(1), countdown(1_000), percent(0.034), percent(0.5), count(12_345), count(123_456)]).toEqual([
    '1 s',
    '1 s',
    '3.4 %',
    '50 %',
    '12,345',
    '123 k',
  ]);
  expect([rate(0), rate(0.04), rate(4.25), rate(1234.5)]).toEqual(['0/s', '<0.1/s', '4.3/s', '1,235/s']);
  expect(why({ trigger: 'failure_ratio', value: 0.62, limit: 0.5, errorType: 'ECONNRESET' })).toBe('failure ratio 62 % (limit 50 %), ECONNRESET');
  expect(why({ trigger: 'stall', value: 812.4, limit: 500 })).toBe('calls wait and nothing succeeds 812 ms (limit 500 ms)');
  expect(why({ trigger: 'manual', reason: 'by ops: game day' })).toBe('by ops: game day');
});

test('a name is shown in its parts, or whole where it has none', () => {
  expect(nameParts('postgresql://h:5432/shop read')).toEqual({ scheme: 'postgresql://', rest: 'h:5432/shop', operation: ' read' });
  expect(nameParts('mail to <b>')).toEqual({ scheme: '', rest: 'mail to <b>', operation: '' });
});
