import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, test } from 'vitest';
import { createBreaker } from '../../src/breaker/create-breaker.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { admit, admitMany, Boom, bench, fail, halfOpened, opened, settled, succeed } from './harness.ts';

afterEach(() => void setFaultReporter(undefined));

// Each of these was reproduced in a peer; the names say what it did there.
describe('faults of cockatiel that this breaker does not have', () => {
  test('a stale failure re-opens a half-open circuit, and the good probe is then ignored', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1, halfOpen: { permits: 1 } });
    const stale = admit(breaker);
    fail(breaker);
    clock.advance(5_000);
    const probe = admit(breaker);
    stale.fail(new Boom());
    expect(breaker.state).toBe('half_open');
    probe.succeed();
    expect(breaker.state).toBe('closed');
  });

  test('a hung probe keeps it half-open for ever, and later callers never settle', async () => {
    const { breaker, clock } = halfOpened({ halfOpen: { permits: 1, leaseMs: 10_000 } });
    void breaker.run(() => new Promise(() => undefined));
    await expect(breaker.run(() => 1)).rejects.toMatchObject({ reason: 'half_open_limit' });
    clock.advance(10_000);
    expect(breaker.state).toBe('open');
    clock.advance(10_000);
    await expect(breaker.run(() => 1)).resolves.toBe(1);
    expect(breaker.state).toBe('closed');
  });

  test('one failure after an idle hour opens: the window moved on by one slice only', () => {
    const { breaker, clock } = bench({ failureRatio: 0.5, minimumCalls: 10 });
    fail(breaker, 9);
    clock.skip(3.6e6);
    fail(breaker);
    expect(breaker.state).toBe('closed');
  });

  test('a jump of the wall clock keeps it open', () => {
    const real = Date.now;
    try {
      const { breaker, clock } = opened();
      Date.now = () => real() - 86_400_000;
      clock.advance(5_000);
      expect(admit(breaker).probe).toBe(true);
    } finally {
      Date.now = real;
    }
  });

  test("a throwing listener replaces the caller's error", async () => {
    setFaultReporter(() => undefined);
    const { breaker } = bench({ consecutiveFailures: 1 });
    breaker.on('transition', () => {
      throw new Error('listener');
    });
    const error = new Boom();
    await expect(breaker.run(() => Promise.reject(error))).rejects.toBe(error);
  });
});

describe('faults of opossum that this breaker does not have', () => {
  test('a stale success closes a half-open circuit while the probe is pending', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1, halfOpen: { permits: 1 } });
    const stale = admit(breaker);
    fail(breaker);
    clock.advance(5_000);
    const probe = admit(breaker);
    stale.succeed();
    expect(breaker.state).toBe('half_open');
    probe.fail(new Boom());
    expect(breaker.state).toBe('open');
  });

  test('a hung probe wedges it', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { permits: 1 } });
    admit(breaker);
    clock.advance(20_000);
    expect(breaker.state).toBe('half_open');
    succeed(breaker);
    expect(breaker.state).toBe('closed');
  });

  test('a throwing listener turns a success into a failure', async () => {
    setFaultReporter(() => undefined);
    const { breaker, calls } = bench({ consecutiveFailures: 1 });
    breaker.on('call', () => {
      throw new Error('listener');
    });
    await expect(breaker.run(() => 'value')).resolves.toBe('value');
    await settled();
    expect(calls.map(({ outcome }) => outcome)).toEqual(['success']);
    expect(breaker.state).toBe('closed');
  });

  test('one time-out aborts unrelated calls', async () => {
    const { breaker } = bench();
    const first = new AbortController();
    const second = new AbortController();
    const pending = ({ signal }: { signal: AbortSignal | undefined }): Promise<string> =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
        setImmediate(() => resolve('fine'));
      });
    const aborted = breaker.run(pending, { signal: first.signal });
    const other = breaker.run(pending, { signal: second.signal });
    first.abort(new DOMException('too slow', 'TimeoutError'));
    await expect(aborted).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect(other).resolves.toBe('fine');
    expect(second.signal.aborted).toBe(false);
  });

  test('the window is not reset on close', () => {
    const { breaker } = halfOpened({ failureRatio: 0.5, minimumCalls: 2, halfOpen: { permits: 1 } });
    succeed(breaker);
    expect(breaker.state).toBe('closed');
    expect(breaker.snapshot().window).toEqual({ recorded: 0, failures: 0, slow: 0 });
  });

  test('a call costs more, the more results there are: work per result does not grow with the window', () => {
    // Counted, not timed: how often the whole window would have been gone through shows in its duration only.
    const { breaker, clock } = bench({ window: { type: 'count', size: 100_000 }, minimumCalls: 100_000, failureRatio: 1 });
    succeed(breaker, 100_000, 1);
    const began = process.hrtime.bigint();
    fail(breaker, 1_000, 1);
    const each = Number(process.hrtime.bigint() - began) / 1e6 / 1_000;
    // 65 ms per failing call there; a thousand times less leaves room for the slowest of machines.
    expect(each).toBeLessThan(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a timer per breaker', () => {
    const { breaker, clock } = bench({ failureRatio: 0.5, window: { type: 'time', durationMs: 1_000 } });
    succeed(breaker, 10);
    admitMany(breaker, 5);
    expect(clock.pendingTimers).toBe(0);
  });

  test('halfOpen fires in the async context of the request that opened it', async () => {
    const context = new AsyncLocalStorage<string>();
    const breaker = createBreaker({ consecutiveFailures: 1, open: { durationMs: 5, jitter: 0 } });
    const heard = new Promise((resolve) => breaker.on('transition', ({ to }) => to === 'half_open' && resolve(context.getStore())));
    await context.run('the request', () => breaker.run(() => Promise.reject(new Boom())).catch(() => undefined));
    const alive = setInterval(() => undefined, 50);
    expect(await heard).toBeUndefined();
    clearInterval(alive);
  });
});

describe('asked for by users of peers, and here', () => {
  test('slow calls in flight open the circuit (resilience4j #1597)', () => {
    const { breaker, clock } = bench({ slowCallMs: 200, minimumCalls: 10 });
    admitMany(breaker, 10);
    clock.advance(201);
    expect(breaker.state).toBe('open');
  });

  test('gradual recovery (resilience4j #985, #2001)', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { permits: 1, rampUpMs: 1_000 } });
    succeed(breaker);
    clock.advance(500);
    const admitted = Array.from({ length: 100 }, () => breaker.tryAcquire()).filter((permit) => permit !== undefined);
    expect(admitted.length).toBeGreaterThanOrEqual(50);
    expect(admitted.length).toBeLessThanOrEqual(51);
  });

  test('other options in place lose no listener (resilience4j #1116)', () => {
    const { breaker, moves } = bench({ consecutiveFailures: 5 });
    breaker.setOptions({ ...breaker.options, consecutiveFailures: 1 });
    fail(breaker);
    expect(moves).toHaveLength(1);
  });
});
