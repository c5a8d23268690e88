import { describe, expect, test } from 'vitest';
import { CallTimeoutError } from '../../src/core/errors.ts';
import { resolveOptions } from '../../src/core/options.ts';
import { admit, admitMany, Boom, bench, fail, succeed, traffic } from './harness.ts';

const stall = { afterMs: 500, calls: 10, factor: 4 };

describe('a target that hangs, where nobody can ask it', () => {
  test('opens the circuit when enough calls have waited without a success', () => {
    const made = bench({ stall });
    traffic(made, 20, 10);
    const began = made.clock.now();
    admitMany(made.breaker, 10);
    made.clock.advance(499);
    expect(made.breaker.state).toBe('closed');
    made.clock.advance(1);
    expect(made.breaker.state).toBe('open');
    expect(made.moves[0]).toMatchObject({ trigger: 'stall', at: began + 500, value: 0.5, limit: 0.5 });
    expect(made.moves[0]?.error).toBeInstanceOf(CallTimeoutError);
  });

  test('is noticed in time though quick traffic went before, minutes of it', () => {
    const made = bench({ stall });
    traffic(made, 10_000, 11);
    admitMany(made.breaker, 10);
    made.clock.advance(500);
    expect(made.breaker.state).toBe('open');
  });

  test('nine calls are too few, and the tenth makes enough', () => {
    const made = bench({ stall });
    traffic(made, 20, 10);
    admitMany(made.breaker, 9);
    made.clock.advance(5_000);
    expect(made.breaker.state).toBe('closed');
    admit(made.breaker);
    made.clock.advance(100);
    expect(made.breaker.state).toBe('open');
  });

  test('one success since the oldest began starts the wait anew', () => {
    const made = bench({ stall });
    traffic(made, 20, 10);
    const [first] = admitMany(made.breaker, 20);
    made.clock.advance(400);
    first?.succeed();
    made.clock.advance(10_000);
    // The other 19 began before that success: nothing says that the target has hung since.
    expect(made.breaker.state).toBe('closed');
  });

  test('a failure is no success: the wait goes on', () => {
    const made = bench({ stall });
    traffic(made, 20, 10);
    const [, second] = admitMany(made.breaker, 12);
    made.clock.advance(400);
    second?.fail(new Boom());
    made.clock.advance(100);
    expect(made.breaker.state).toBe('open');
  });

  test('patience is the multiple of the 99th percentile that has been learned', () => {
    const made = bench({ stall });
    traffic(made, 50, 1_000);
    admitMany(made.breaker, 20);
    made.clock.advance(4_000);
    expect(made.breaker.state).toBe('closed');
    // Rounded up to a bucket, of which there are two per doubling.
    made.clock.advance(2_000);
    expect(made.breaker.state).toBe('open');
  });

  test('one exceptional call of a thousand does not stretch it', () => {
    const made = bench({ stall });
    traffic(made, 1, 20_000);
    traffic(made, 999, 10);
    admitMany(made.breaker, 10);
    made.clock.advance(500);
    expect(made.breaker.state).toBe('open');
  });

  test.each([2_000, 5_000, 29_000])('a batch job whose calls all take %d ms never trips', (ms) => {
    const made = bench({ stall });
    const { breaker, clock } = made;
    // Twenty workers in step, then twenty at odds with each other.
    for (let round = 0; round < 20; round += 1) {
      const permits = admitMany(breaker, 20);
      clock.advance(ms - 1);
      for (const permit of permits) permit.succeed();
      expect(breaker.state).toBe('closed');
    }
    const running: { permit: ReturnType<typeof admit>; until: number }[] = [];
    for (let step = 0; step < 400; step += 1) {
      running.push({ permit: admit(breaker), until: clock.now() + ms });
      clock.advance(ms / 20);
      while (running[0] !== undefined && running[0].until <= clock.now()) running.shift()?.permit.succeed();
      expect(breaker.state).toBe('closed');
    }
  });

  test('a target that has never answered is given half a minute', () => {
    const { breaker, clock } = bench({ stall });
    admitMany(breaker, 50);
    clock.advance(29_999);
    expect(breaker.state).toBe('closed');
    clock.advance(1);
    expect(breaker.state).toBe('open');
  });

  test('calls that wait by their nature do not count', () => {
    const made = bench({ stall });
    traffic(made, 20, 10);
    for (let i = 0; i < 30; i += 1) made.breaker.tryAcquire({ untimed: true });
    made.clock.advance(3.6e6);
    expect(made.breaker.state).toBe('closed');
    expect(made.clock.pendingTimers).toBe(0);
  });

  test('after a blocked event loop nothing is judged before the answers could be read', () => {
    const made = bench({ stall });
    traffic(made, 20, 10);
    const permits = admitMany(made.breaker, 20);
    made.clock.skip(10_000);
    made.clock.advance(0);
    expect(made.breaker.state).toBe('closed');
    for (const permit of permits) permit.succeed();
    made.clock.advance(10_000);
    expect(made.breaker.state).toBe('closed');
  });

  test('after a blocked event loop a target that hangs is found soon all the same', () => {
    const made = bench({ stall });
    traffic(made, 20, 10);
    admitMany(made.breaker, 20);
    made.clock.skip(10_000);
    made.clock.advance(50);
    expect(made.breaker.state).toBe('open');
  });

  test('a pause of our own process opens nothing, whatever the moment: what has come is read before anything is judged', () => {
    for (let moment = 150; moment < 260; moment += 1) {
      const made = bench({ stall: { ...stall, afterMs: 250 } });
      traffic(made, 20, 10);
      const permits = admitMany(made.breaker, 20);
      // The event loop is blocked until a timer of ours is due, or a little longer; all answers come meanwhile.
      const realSetTimer = made.clock.setTimer.bind(made.clock);
      made.clock.advance(10);
      made.clock.skip(moment);
      made.clock.setTimer = (fn, ms) => realSetTimer(fn, Math.max(1, ms));
      made.clock.advance(0);
      for (const permit of permits) permit.succeed();
      made.clock.advance(1_000);
      expect(made.moves).toEqual([]);
    }
  });

  test.each(['before our timers could tell', 'after'])('a pause of our own process teaches no patience with the target; answers read %s', (order) => {
    const made = bench({ stall: { ...stall, afterMs: 250 } });
    traffic(made, 100, 4);
    const permits = admitMany(made.breaker, 20);
    made.clock.advance(30);
    made.clock.skip(2_000);
    if (order === 'after') made.clock.advance(0);
    for (const permit of permits) permit.succeed();
    made.clock.advance(200);
    admitMany(made.breaker, 20);
    made.clock.advance(600);
    expect(made.moves).toMatchObject([{ trigger: 'stall' }]);
  });

  test('other options in place do not forget the patience learned', () => {
    const made = bench({ stall });
    const permits = admitMany(made.breaker, 50);
    made.clock.advance(20_000);
    for (const permit of permits) permit.succeed();
    made.breaker.setOptions(resolveOptions({ name: 'subject', failureRatio: undefined, stall: { ...stall, calls: 5 } }));
    admitMany(made.breaker, 10);
    made.clock.advance(60_000);
    expect(made.breaker.state).toBe('closed');
  });

  test('the rule switched on in place holds for the calls under way', () => {
    const { breaker, clock } = bench();
    admitMany(breaker, 10);
    breaker.setOptions(resolveOptions({ name: 'subject', failureRatio: undefined, stall }));
    clock.advance(30_000);
    expect(breaker.state).toBe('open');
  });
});

describe('timers', () => {
  test('none is set without a rule that needs one', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1, failureRatio: 0.5 });
    admitMany(breaker, 5);
    expect(clock.pendingTimers).toBe(0);
  });

  test('one, however many calls there are, and none once all is quiet', () => {
    const { breaker, clock } = bench({ stall, slowCallMs: 5_000, slowRatio: 0.5 });
    const permits = admitMany(breaker, 100);
    expect(clock.pendingTimers).toBe(1);
    for (const permit of permits) permit.succeed();
    clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test('none but its own goes on in an open circuit, though calls hang for ever', () => {
    const made = bench({ stall });
    traffic(made, 20, 10);
    admitMany(made.breaker, 20);
    made.clock.advance(600);
    expect(made.breaker.state).toBe('open');
    expect(made.clock.pendingTimers).toBe(1);
    made.clock.advance(60_000);
    expect(made.breaker.state).toBe('half_open');
    expect(made.clock.pendingTimers).toBe(0);
  });

  test('none watches the probes of a half-open circuit but that of their lease', () => {
    const { breaker, clock } = bench({ stall, consecutiveFailures: 1, open: { durationMs: 100 } });
    fail(breaker);
    clock.advance(100);
    admit(breaker);
    clock.advance(1_000);
    expect(breaker.state).toBe('half_open');
    expect(clock.pendingTimers).toBe(1);
  });

  test('the calls that hang since before do not stall the circuit that has closed again', () => {
    const made = bench({ stall, halfOpen: { permits: 1 } });
    traffic(made, 20, 10);
    admitMany(made.breaker, 20);
    made.clock.advance(600);
    made.clock.advance(5_000);
    succeed(made.breaker);
    expect(made.breaker.state).toBe('closed');
    admit(made.breaker);
    made.clock.advance(60_000);
    expect(made.breaker.state).toBe('closed');
  });
});

describe("a probe's lease", () => {
  test('is never shorter than the patience learned, or a slow dependency could not come back', () => {
    const made = bench({ stall: {}, consecutiveFailures: 1, halfOpen: { permits: 1, leaseMs: 1_000 } });
    for (let i = 0; i < 20; i += 1) {
      const permit = admit(made.breaker);
      made.clock.advance(3_000);
      permit.succeed();
    }
    admit(made.breaker).fail(new Boom());
    made.clock.advance(5_000);
    const probe = admit(made.breaker);
    made.clock.advance(4_000);
    expect(made.breaker.state).toBe('half_open');
    probe.succeed();
    expect(made.breaker.state).toBe('closed');
  });
});
