import { describe, expect, test } from 'vitest';
import { History } from '../../src/history/history.ts';
import { Registry, type RegistryOptions } from '../../src/registry/registry.ts';
import { ManualClock } from '../../src/testing.ts';

const minute = 60_000;

function rig(options: RegistryOptions = {}) {
  const clock = new ManualClock();
  const registry = new Registry({ clock, ...options });
  const history = new History(registry);
  const calls = (name: string, failed: number, succeeded = 0): void => {
    const breaker = registry.get(name);
    for (let call = 0; call < failed; call += 1) breaker.tryAcquire()?.fail(new Error('down'));
    for (let call = 0; call < succeeded; call += 1) breaker.tryAcquire()?.succeed();
  };
  /** Times as they are on the clock, in seconds. */
  const samples = (name: string) => {
    const found = history.samples(name);
    const start = Date.now() - clock.now();
    return found.map((sample) => ({ ...sample, at: Math.round((sample.at - start) / 1_000) }));
  };
  return { clock, registry, history, calls, samples };
}

describe('samples', () => {
  test('tell every five seconds what the rules look at, and what has been counted since the sample before', () => {
    const { clock, calls, samples } = rig();
    calls('a', 4, 26);
    clock.advance(5_000);
    calls('a', 0, 3);
    clock.advance(5_000);
    clock.advance(5_000);
    expect(samples('a')).toEqual([
      expect.objectContaining({ at: 5, state: 'closed', recorded: 30, failures: 4, failureRatio: 4 / 30, succeeded: 26, failed: 4 }),
      expect.objectContaining({ at: 10, recorded: 33, failures: 4, succeeded: 3, failed: 0 }),
      expect.objectContaining({ at: 15, recorded: 33, failures: 4, succeeded: 0, failed: 0 }),
    ]);
  });

  test('tell of refusals and of the state, and no ratio where too few calls were made', () => {
    const { clock, calls, samples } = rig();
    calls('a', 5);
    clock.advance(5_000);
    calls('a', 20);
    calls('a', 7);
    clock.advance(5_000);
    const [few, open] = samples('a');
    expect(few).toMatchObject({ state: 'closed', recorded: 5, failureRatio: undefined, rejected: 0 });
    // 15 failures, then it is open, or half-open by now, and refuses.
    expect(open).toMatchObject({ state: 'half_open', failed: 15, rejected: 12 });
  });

  test('are one a minute after a quarter of an hour, as bad as the minute was, and none is told twice or left out', () => {
    const { clock, calls, samples } = rig();
    calls('a', 0, 40);
    clock.advance(20_000);
    calls('a', 10, 0);
    clock.advance(5_000);
    for (let at = 25; at < 40 * 60; at += 5) {
      calls('a', 0, 1);
      clock.advance(5_000);
    }
    const found = samples('a');
    expect(found.find(({ at }) => at === 60)).toMatchObject({ recorded: 50, failures: 10, failed: 10, succeeded: 47 });
    expect(found.reduce((sum, { succeeded }) => sum + succeeded, 0)).toBe(40 + (40 * 60 - 25) / 5);
    const times = found.map(({ at }) => at);
    const border = times.findIndex((at, index) => at - (times[index - 1] ?? 0) === 5);
    expect(times.slice(0, border)).toEqual(Array.from({ length: border }, (_, index) => (index + 1) * 60));
    expect(times.slice(border)).toEqual(Array.from({ length: times.length - border }, (_, index) => border * 60 + (index + 1) * 5));
    expect(40 * 60 - border * 60).toBeGreaterThanOrEqual(15 * 60);
  });

  test('go back two hours and no further, however much there is', () => {
    const { clock, calls, history, samples } = rig();
    for (let at = 0; at < 200 * minute; at += 5_000) {
      calls('a', 1, 3);
      clock.advance(5_000);
    }
    const found = samples('a');
    expect(found.length).toBeLessThanOrEqual(300);
    expect(200 * 60 - (found[0]?.at ?? 0)).toBeGreaterThanOrEqual(118 * 60);
    expect(200 * 60 - (found[0]?.at ?? 0)).toBeLessThanOrEqual(121 * 60);
    expect(history.pasts.get('a')?.bytes).toBeLessThan(14_000);
  });

  test('of a breaker without calls cost next to nothing, and are told all the same', () => {
    const { clock, calls, history, samples } = rig({ idleMs: 300 * minute });
    for (let at = 0; at < 30 * minute; at += 5_000) {
      calls('a', 1, 3);
      clock.advance(5_000);
    }
    clock.advance(9 * minute);
    expect(samples('a').slice(-60)).toEqual(
      Array.from({ length: 60 }, () => expect.objectContaining({ recorded: 0, succeeded: 0, state: 'closed' })),
    );
    clock.advance(111 * minute);
    expect(history.pasts.get('a')?.bytes).toBeLessThan(2_000);
  });

  test('survive an event loop that stood still', () => {
    const { clock, calls, samples } = rig();
    calls('a', 0, 5);
    clock.advance(5_000);
    clock.skip(3 * minute);
    calls('a', 0, 9);
    clock.advance(10_000);
    const found = samples('a');
    expect(found.at(-1)).toMatchObject({ at: 195 });
    expect(found.reduce((sum, { succeeded }) => sum + succeeded, 0)).toBe(14);
  });
});

describe('a breaker that its registry drops', () => {
  test('is remembered for a while, and one of the same name goes on with its past', () => {
    const { clock, registry, calls, history, samples } = rig();
    calls('a', 20);
    clock.advance(5_000);
    registry.remove('a');
    clock.advance(5 * minute);
    expect(history.moves('a')).toMatchObject([{ to: 'open' }, { to: 'half_open' }]);
    calls('a', 0, 8);
    clock.advance(5_000);
    const found = samples('a');
    expect(found.map(({ at }) => at)).toEqual([5, 310]);
    expect(found.at(-1)).toMatchObject({ state: 'closed', succeeded: 8, failed: 0 });
    const past = history.pasts.get('a');
    expect([past?.grown('failed', history.tick, 180), past?.grown('succeeded', history.tick, 180)]).toEqual([20, 8]);
  });

  test('is forgotten after half an hour', () => {
    const { clock, registry, calls, history } = rig();
    calls('a', 20);
    registry.remove('a');
    clock.advance(31 * minute);
    expect([history.moves(), history.samples('a'), history.pasts.size]).toEqual([[], [], 0]);
  });

  test('is forgotten sooner where there are many such', () => {
    const { clock, registry, calls, history } = rig();
    for (let each = 0; each < 300; each += 1) {
      calls(`tenant ${each}`, 0, 1);
      registry.remove(`tenant ${each}`);
      if (each === 99) clock.advance(5_000);
    }
    clock.advance(5_000);
    expect(history.pasts.size).toBe(200);
    expect(history.pasts.has('tenant 299')).toBe(true);
  });

  test('by idleness is dropped even though nobody asks for breakers any more', () => {
    const { clock, registry, calls } = rig({ idleMs: minute });
    calls('a', 0, 1);
    clock.advance(2 * minute);
    expect(registry.find('a')).toBeUndefined();
  });
});

describe('moves', () => {
  test('of one circuit that flaps are bounded, and the others keep theirs', () => {
    const { registry, calls, history } = rig();
    calls('quiet', 20);
    const flapping = registry.get('flapping');
    for (let each = 0; each < 200; each += 1) each % 2 === 0 ? flapping.forceOpen() : flapping.release();
    expect(history.moves('flapping')).toHaveLength(64);
    expect(history.moves('flapping').at(-1)).toMatchObject({ from: 'forced_open', to: 'closed', trigger: 'manual' });
    expect(history.moves('quiet')).toHaveLength(1);
    expect(history.moves()).toHaveLength(65);
  });

  test('of all circuits together are bounded as well', () => {
    const { registry, history } = rig();
    for (let each = 0; each < 100; each += 1) {
      const breaker = registry.get(`${each}`);
      for (let move = 0; move < 64; move += 1) move % 2 === 0 ? breaker.forceOpen() : breaker.release();
    }
    const kept = [...history.pasts.values()].map(({ moves }) => moves.length);
    expect(kept.reduce((sum, each) => sum + each, 0)).toBe(5_000);
    expect(Math.min(...kept)).toBeGreaterThan(40);
    expect(history.moves()).toHaveLength(500);
  });

  test('in shadow mode are told as such', () => {
    const { calls, history } = rig({ resolve: () => ({ options: { mode: 'shadow' } }) });
    calls('a', 20);
    expect(history.moves('a')).toMatchObject([{ from: 'closed', to: 'open', shadow: true, trigger: 'failure_ratio', errorType: 'Error' }]);
  });
});

describe('what has been counted', () => {
  test('within a time of one’s choice', () => {
    const { clock, calls, history } = rig();
    for (let at = 0; at < 20; at += 1) {
      calls('a', 1, 9);
      clock.advance(minute);
    }
    const past = history.pasts.get('a');
    expect(past?.grown('failed', history.tick, 60)).toBe(5);
    expect(past?.grown('succeeded', history.tick, 180)).toBe(135);
    expect(past?.grown('openings', history.tick, 180)).toBe(0);
  });

  test('of openings and probes that failed', () => {
    const { clock, calls, history } = rig();
    calls('a', 20);
    for (let at = 0; at < 4; at += 1) {
      clock.advance(minute);
      calls('a', 3);
    }
    clock.advance(5_000);
    const past = history.pasts.get('a');
    expect([past?.grown('openings', history.tick, 180), past?.grown('failedProbes', history.tick, 180)]).toEqual([1, 4]);
  });
});

test('there is one timer however many breakers there are, and none once it is closed', () => {
  const { clock, calls, history } = rig();
  for (let each = 0; each < 50; each += 1) calls(`${each}`, 0, 1);
  expect(clock.pendingTimers).toBe(1);
  history.close();
  expect(clock.pendingTimers).toBe(0);
});
