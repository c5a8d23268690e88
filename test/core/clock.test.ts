import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { ManualClock } from '../../src/testing.ts';

afterEach(() => void vi.restoreAllMocks());

describe('the system clock', () => {
  test('goes on where a test environment has a `performance` of its own', async () => {
    vi.resetModules();
    vi.stubGlobal('performance', { now: () => 0 });
    const { systemClock: clock } = await import('../../src/core/clock.ts');
    vi.unstubAllGlobals();
    const [seconds] = process.hrtime();
    expect(clock.now()).toBeGreaterThanOrEqual(seconds * 1_000);
    expect(clock.now() - seconds * 1_000).toBeLessThan(60_000);
  });

  test('is monotonic, and independent of the wall clock', () => {
    const first = systemClock.now();
    vi.spyOn(Date, 'now').mockReturnValue(0);
    expect(systemClock.now()).toBeGreaterThanOrEqual(first);
    const random = systemClock.random();
    expect(random >= 0 && random < 1).toBe(true);
  });

  test('a fault in a timer of ours is reported, and does not end the process', async () => {
    const uncaught = vi.fn();
    process.on('uncaughtException', uncaught);
    const fault = await new Promise((resolve) => {
      const before = setFaultReporter((error, where) => {
        setFaultReporter(before);
        resolve([(error as Error).message, where]);
      });
      systemClock.setTimer(
        () => {
          throw new Error('ours');
        },
        1,
        true,
      );
    });
    process.off('uncaughtException', uncaught);
    expect([fault, uncaught.mock.calls]).toEqual([['ours', 'a timer'], []]);
  });

  test('its timers run once, outside the context of whoever set them', async () => {
    const context = new AsyncLocalStorage<string>();
    const alive = setInterval(() => undefined, 10);
    const store = await new Promise((resolve) => {
      context.run('request', () => systemClock.setTimer(() => resolve(context.getStore()), 1));
    });
    clearInterval(alive);
    expect(store).toBeUndefined();
  });

  /** One that took its timers from Node while they were spied on. */
  async function spiedClock() {
    const set = vi.spyOn(globalThis, 'setTimeout');
    vi.resetModules();
    return { set, clock: (await import('../../src/core/clock.ts')).systemClock };
  }

  test('its timers are unref-ed, and can be cancelled twice and after they ran', async () => {
    const { set, clock } = await spiedClock();
    const timer = clock.setTimer(() => expect.unreachable(), 5);
    const handle = set.mock.results[0]?.value as NodeJS.Timeout | undefined;
    expect(handle?.hasRef()).toBe(false);
    timer.cancel();
    timer.cancel();
  });

  test('fake timers of the host neither stop it nor count its timers', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
    const from = systemClock.now();
    const real = new Promise<void>((resolve) => systemClock.setTimer(resolve, 5));
    const alive = setInterval(() => undefined, 10);
    expect(vi.getTimerCount()).toBe(0);
    await real;
    expect(systemClock.now() - from).toBeGreaterThan(3);
    clearInterval(alive);
    vi.useRealTimers();
  });

  test('a timer longer than Node can hold does not run at once', async () => {
    const { set, clock } = await spiedClock();
    clock.setTimer(() => undefined, 4_000_000_000).cancel();
    expect(set.mock.calls[0]?.[1]).toBe(2_147_483_647);
  });
});

describe('the manual clock', () => {
  test('moves only when told to, and runs each timer at its own time, in order', () => {
    const clock = new ManualClock(100);
    const ran: [string, number][] = [];
    clock.setTimer(() => void ran.push(['b', clock.now()]), 20);
    clock.setTimer(() => void ran.push(['a', clock.now()]), 10);
    clock.setTimer(() => void ran.push(['b2', clock.now()]), 20);
    clock.advance(20);
    expect(ran).toEqual([
      ['a', 110],
      ['b', 120],
      ['b2', 120],
    ]);
    expect([clock.now(), clock.pendingTimers]).toEqual([120, 0]);
  });

  test('runs timers that timers set, as far as they fall due', () => {
    const clock = new ManualClock();
    const ran: number[] = [];
    const again = (): void => {
      ran.push(clock.now());
      clock.setTimer(again, 10);
    };
    clock.setTimer(again, 10);
    clock.advance(35);
    expect(ran).toEqual([10, 20, 30]);
    expect(clock.pendingTimers).toBe(1);
  });

  test('skips over timers, which then run late', () => {
    const clock = new ManualClock();
    const ran: number[] = [];
    clock.setTimer(() => void ran.push(clock.now()), 10);
    clock.skip(50);
    expect(ran).toEqual([]);
    clock.advance(0);
    expect(ran).toEqual([50]);
  });

  test('forgets a timer that is cancelled', () => {
    const clock = new ManualClock();
    clock.setTimer(() => expect.unreachable(), 10).cancel();
    clock.advance(10);
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([-1, Number.NaN])('does not move by %d', (ms) => {
    expect(() => new ManualClock().advance(ms)).toThrow(RangeError);
  });
});
