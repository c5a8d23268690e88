import { describe, expect, test } from 'vitest';
import { minute, Rig, redis, second } from './rig.ts';

const lenient = { resolve: () => ({ options: { failureRatio: undefined } }) };
const server = 'redis://10.0.0.5:6379';

describe('one alert for one trouble', () => {
  test('an outage of one server that opens all its circuits is one, with the server and the circuits', () => {
    const rig = new Rig();
    const names = redis(rig, 'read', 'write', 'delete', 'scan', 'admin');
    rig.pass(6 * minute, Object.fromEntries(names.map((name) => [name, { failing: 5 }])));
    expect(rig.told).toEqual([`firing BreakerFailureRateCritical critical: ${server} (read, write, delete, scan, admin) fails 100 % of its calls`]);
    expect(rig.firing).toEqual([
      expect.objectContaining({
        id: `availability ${server}`,
        name: 'BreakerOpen',
        summary: `${server} (read, write, delete, scan, admin) has been open for more than 5 minutes`,
        server,
        breakers: [...names].sort(),
        rules: ['BreakerOpen', 'BreakerProbesFailing', 'BreakerRejecting'],
      }),
    ]);
    rig.pass(5 * minute, Object.fromEntries(names.map((name) => [name, { well: 5 }])));
    expect(rig.told).toHaveLength(2);
    expect(rig.alerts.alerts()).toEqual([
      expect.objectContaining({ state: 'resolved', id: `availability ${server}`, resolvedAt: expect.any(String) }),
    ]);
  });

  test('two servers are two', () => {
    const rig = new Rig();
    rig.pass(3 * minute, { a: { failing: 5 }, b: { failing: 5 } });
    expect(rig.firing.map(({ id }) => id)).toEqual(['availability a', 'availability b']);
  });

  test('a warning that becomes critical is told again, one that becomes milder is not', () => {
    const rig = new Rig([], lenient);
    rig.pass(4 * minute, { a: { failing: 15, well: 5 } });
    rig.pass(8 * minute, { a: { failing: 19, well: 1 } });
    rig.pass(8 * minute, { a: { failing: 15, well: 5 } });
    rig.pass(5 * minute, { a: { well: 20 } });
    expect(rig.told.map((text) => text.split(':')[0])).toEqual([
      'firing BreakerFailureRateHigh warning',
      'worse BreakerFailureRateCritical critical',
      'resolved BreakerFailureRateCritical critical',
    ]);
  });

  test('what a server that fails brings about is told with it, and not apart, nor in its aftermath', () => {
    const rig = new Rig();
    const [name = ''] = redis(rig, 'read');
    const reading = { used: 10, idle: 0, limit: 10, waiting: 3 };
    let now = { ...reading, waiting: 0 };
    rig.registry.pools.add(`${server}/shop`, { server }, () => now);
    rig.pass(minute, { [name]: { well: 5 } });
    now = reading;
    rig.pass(8 * minute, { [name]: { failing: 5, ms: 9_000 } });
    expect(rig.firing).toMatchObject([{ id: `availability ${server}`, consequences: ['BreakerPoolExhausted'] }]);
    now = { ...reading, waiting: 0 };
    rig.pass(20 * minute, { [name]: { well: 5 } });
    expect(rig.told.map((text) => text.split(':')[0])).toEqual([
      'firing BreakerProbesFailing warning',
      'worse BreakerOpen critical',
      'resolved BreakerOpen critical',
    ]);
  });

  test('a pool that runs out while the server is well is told', () => {
    const rig = new Rig();
    const [name = ''] = redis(rig, 'read');
    rig.registry.pools.add(`${server}/shop`, { server }, () => ({ used: 10, idle: 0, limit: 10, waiting: 3 }));
    rig.pass(2 * minute, { [name]: { well: 5 } });
    expect(rig.firing).toMatchObject([{ id: `capacity ${server}`, name: 'BreakerPoolExhausted', consequences: [] }]);
  });

  test('what fires already goes on apart when the server fails later', () => {
    const rig = new Rig();
    const [name = ''] = redis(rig, 'read');
    rig.registry.pools.add(`${server}/shop`, { server }, () => ({ used: 10, idle: 0, limit: 10, waiting: 3 }));
    rig.pass(2 * minute, { [name]: { well: 5 } });
    rig.pass(3 * minute, { [name]: { failing: 50 } });
    expect(rig.firing.map(({ id }) => id).sort()).toEqual([`availability ${server}`, `capacity ${server}`]);
  });

  test('a breaker that is dropped while its alert fires ends it', () => {
    const rig = new Rig();
    rig.pass(3 * minute, { a: { failing: 5 } });
    rig.registry.remove('a');
    rig.pass(5 * second);
    expect(rig.firing).toEqual([]);
    expect(rig.told.at(-1)).toMatch(/^resolved/);
  });

  test('those resolved are shown for a quarter of an hour, each once', () => {
    const rig = new Rig([
      { name: 'BreakerOpen', forMs: 0, clearForMs: 0 },
      { name: 'BreakerFailureRateCritical', enabled: false },
    ]);
    for (let each = 0; each < 3; each += 1) {
      rig.breaker('a').reset();
      rig.pass(10 * second, { a: { failing: 50 } });
      rig.breaker('a').reset();
      rig.pass(10 * second);
    }
    expect(rig.alerts.alerts()).toMatchObject([{ state: 'resolved', id: 'availability a' }]);
    rig.pass(15 * minute);
    expect(rig.alerts.alerts()).toEqual([]);
  });
});

describe('rules as the configuration has them', () => {
  test('ours changed, for all or for some; the most specific wins', () => {
    const rig = new Rig(
      [
        { name: 'BreakerOpen', forMs: 10 * second, match: { name: 'a' } },
        { name: 'BreakerOpen', forMs: minute },
        { name: 'BreakerOpen', enabled: false, match: { name: 'c*' } },
        ...['BreakerFailureRateCritical', 'BreakerProbesFailing', 'BreakerRejecting'].map((name) => ({ name, enabled: false })),
      ],
      {},
    );
    const traffic = { a: { failing: 20 }, b: { failing: 20 }, c: { failing: 20 } };
    rig.pass(20 * second, traffic);
    expect(rig.firing.map(({ id }) => id)).toEqual(['availability a']);
    expect(rig.firing).toMatchObject([{ summary: 'a has been open for more than 10 s' }]);
    rig.pass(minute, traffic);
    expect(rig.firing.map(({ id }) => id)).toEqual(['availability a', 'availability b']);
  });

  test('by system as people call it', () => {
    const rig = new Rig([{ name: 'BreakerOpen', forMs: 0, severity: 'info', match: { system: 'postgres' } }]);
    rig.breaker('db', { system: 'postgresql' });
    rig.pass(10 * second, { db: { failing: 20 } });
    expect(rig.firing).toMatchObject([{ name: 'BreakerOpen', severity: 'info' }]);
  });

  test('of one’s own, with a text of one’s own', () => {
    const rig = new Rig([
      {
        name: 'CheckoutSlow',
        metric: 'p99Ms',
        limit: 800,
        severity: 'critical',
        summary: 'is slow: {value} over {limit}',
        runbook: 'https://wiki.example/pay',
      },
      { name: 'SomeFailures', metric: 'failureRatio', limit: 0.01, forMs: minute, match: { name: 'pay' } },
    ]);
    rig.pass(4 * minute, { pay: { well: 19, failing: 1, ms: 900 }, other: { well: 19, failing: 1, ms: 900 } });
    expect(rig.firing).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          id: 'latency pay',
          name: 'CheckoutSlow',
          summary: 'pay is slow: 995 ms over 800 ms',
          runbook: 'https://wiki.example/pay',
        }),
        expect.objectContaining({ id: 'availability pay', name: 'SomeFailures', summary: 'pay is at 5 %, above 1 %', severity: 'warning' }),
      ]),
    );
    expect(rig.firing.map(({ id }) => id).sort()).toEqual(['availability pay', 'latency other', 'latency pay']);
  });

  test('with a limit of one’s own, are over as far below it as ours', () => {
    const rig = new Rig([{ name: 'BreakerFailureRateHigh', limit: 0.35, forMs: 0 }], lenient);
    rig.pass(10 * second, { a: { failing: 4, well: 6 } });
    expect(rig.names).toEqual(['BreakerFailureRateHigh']);
    // 0.35 x 0.6 / 0.7 = 0.3
    rig.pass(5 * minute, { a: { failing: 31, well: 69 } });
    expect(rig.names).toEqual(['BreakerFailureRateHigh']);
    rig.pass(3 * minute, { a: { failing: 29, well: 71 } });
    expect(rig.names).toEqual([]);
  });

  test('that are nothing whole have no effect', () => {
    const rig = new Rig([{ name: 'Odd' }, { name: 'Half', metric: 'open' }]);
    rig.pass(10 * second, { a: { failing: 20 } });
    expect(rig.firing).toEqual([]);
  });
});

describe('a configuration that is replaced while alerts fire', () => {
  test('leaves firing what its rules still say, and what is pending pending', () => {
    const rig = new Rig([{ name: 'BreakerOpen', forMs: 30 * second }]);
    rig.pass(50 * second, { a: { failing: 20 } });
    const [before] = rig.firing;
    rig.pass(20 * second, { b: { failing: 20 }, a: { failing: 20 } });
    rig.alerts.configure([{ name: 'BreakerOpen', forMs: 30 * second }]);
    rig.pass(20 * second, { b: { failing: 20 }, a: { failing: 20 } });
    expect(rig.firing.find(({ id }) => id === before?.id)?.since).toBe(before?.since);
    expect(rig.told.filter((text) => text.startsWith('firing'))).toHaveLength(2);
    expect(rig.told.filter((text) => text.startsWith('resolved'))).toEqual([]);
  });

  test('ends what a rule said that is switched off', () => {
    const off = ['BreakerFailureRateCritical', 'BreakerProbesFailing', 'BreakerRejecting'].map((name) => ({ name, enabled: false }));
    const rig = new Rig([{ name: 'BreakerOpen', forMs: 30 * second }, ...off]);
    rig.pass(50 * second, { a: { failing: 20 } });
    rig.alerts.configure([{ name: 'BreakerOpen', enabled: false }, ...off]);
    rig.pass(5 * second, { a: { failing: 20 } });
    expect(rig.told).toMatchObject([expect.stringMatching(/^firing/), expect.stringMatching(/^resolved/)]);
    rig.alerts.configure(off);
    rig.pass(6 * minute, { a: { failing: 20 } });
    expect(rig.names).toEqual(['BreakerOpen']);
    rig.alerts.configure('none');
    rig.pass(5 * second, { a: { failing: 20 } });
    expect(rig.names).toEqual([]);
  });
});

test('a fault in it ends neither the process nor the history', () => {
  const rig = new Rig();
  rig.alerts.on('told', () => {
    throw new Error('a listener’s own');
  });
  rig.registry.pools.add('odd', {}, () => {
    throw new Error('a reader’s own');
  });
  rig.pass(3 * minute, { a: { failing: 5 } });
  expect(rig.history.samples('a').length).toBeGreaterThan(30);
});

test('nothing is looked at once it is closed', () => {
  const rig = new Rig();
  rig.alerts.close();
  rig.pass(10 * minute, { a: { failing: 5 } });
  expect(rig.told).toEqual([]);
});
