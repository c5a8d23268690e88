import { describe, expect, test } from 'vitest';
import { pageAssets } from '../../src/management/page/assets.ts';
import { age, count, percent, why } from '../../src/management/page/browser/format.ts';
import { Series, span } from '../../src/management/page/browser/series.ts';
import { EventParser } from '../../src/management/page/browser/sse.ts';
import { Store } from '../../src/management/page/browser/store.ts';
import type { BreakerView, Overview, TransitionView } from '../../src/management/wire.ts';

const view: BreakerView = {
  name: 'redis://127.0.0.1:6379 read',
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

const at = (seconds: number): string => new Date(1_800_000_000_000 + seconds * 1_000).toISOString();

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

const transition: TransitionView = { breaker: view.name, at: at(1), from: 'closed', to: 'open', trigger: 'connection' };

describe('the page as it is served', () => {
  test('is at most 120 kB, loads nothing from elsewhere, and has no style or script within', () => {
    const bodies = [...pageAssets.values()].map(({ body }) => String(body));
    expect(bodies.reduce((total, body) => total + Buffer.byteLength(body), 0)).toBeLessThan(120_000);
    const html = String(pageAssets.get('/')?.body);
    expect(html).not.toMatch(/ style=|<style| on\w+=|<script(?![^>]* src=)|(?:src|href)="(?:https?:)?\/\//);
    for (const [, path] of html.matchAll(/(?:src|href)="(\/[^"]*)"/g)) expect(pageAssets.get(path ?? '')?.immutable, path).toBe(true);
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
  });

  test('is unknown where totals begin anew', () => {
    const series = new Series();
    series.add({ ...view, calls: { success: 10 } }, 1);
    series.add({ ...view, calls: { success: 3 } }, 2);
    expect(series.points[1]?.served).toBeNull();
  });

  test('is forgotten after ten minutes', () => {
    const series = new Series();
    for (let second = 0; second <= span + 50; second += 1) series.add(view, second);
    expect(series.points[0]?.at).toBe(50);
  });

  test('is not mixed with what another process did', () => {
    const store = new Store();
    store.take(overview(1));
    store.remember([transition]);
    store.take(overview(2, { pid: 2 }));
    expect(store.transitions).toEqual([]);
    expect(store.seriesOf(view.name).points).toHaveLength(1);
  });

  test('is told once, though a transition comes by the history and as it happens', () => {
    const store = new Store();
    store.remember([transition]);
    store.remember([transition, { ...transition, at: at(5), from: 'open', to: 'half_open' }]);
    expect(store.transitions).toHaveLength(2);
  });
});

test('figures are short, and causes in words', () => {
  expect([age(900), age(61_000), age(7_300_000), percent(0.034), percent(0.5), count(12_345)]).toEqual([
    '0 s',
    '61 s',
    '2 h',
    '3.4 %',
    '50 %',
    '12.3 k',
  ]);
  expect(why({ trigger: 'failure_ratio', value: 0.62, limit: 0.5, errorType: 'ECONNRESET' })).toBe('failure ratio 62 % (limit 50 %), ECONNRESET');
});
