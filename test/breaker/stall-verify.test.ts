import { afterEach, describe, expect, test } from 'vitest';
import { setFaultReporter } from '../../src/core/fault.ts';
import { admit, admitMany, Boom, bench, settled, traffic } from './harness.ts';

afterEach(() => void setFaultReporter(undefined));

const stall = { afterMs: 500, calls: 10, factor: 4 };

describe('a target that can be asked', () => {
  /** A breaker whose `verify` is answered by hand. */
  function asking(options = {}) {
    const asked: { answer: (alive: boolean) => Promise<void>; refuse: (error: Error) => Promise<void>; at: number }[] = [];
    const verify = () =>
      new Promise<boolean>((resolve, reject) => {
        asked.push({
          at: made.clock.now(),
          answer: (alive) => {
            resolve(alive);
            return settled();
          },
          refuse: (error) => {
            reject(error);
            return settled();
          },
        });
      });
    const made = bench({ stall, ...options }, { verify });
    return { ...made, asked };
  }

  test('is asked for a single call that waits too long, and its silence opens', async () => {
    const made = asking();
    traffic(made, 20, 10);
    const began = made.clock.now();
    admit(made.breaker);
    made.clock.advance(499);
    expect(made.asked).toHaveLength(0);
    made.clock.advance(1);
    expect(made.asked.map(({ at }) => at)).toEqual([began + 500]);
    expect(made.breaker.state).toBe('closed');
    await made.asked[0]?.answer(false);
    expect(made.breaker.state).toBe('open');
    expect(made.moves[0]).toMatchObject({ trigger: 'stall' });
  });

  test('is asked once at a time', async () => {
    const made = asking();
    traffic(made, 20, 10);
    admitMany(made.breaker, 30);
    made.clock.advance(5_000);
    expect(made.asked).toHaveLength(1);
  });

  test('that answers is left alone, each time twice as long', async () => {
    const made = asking();
    traffic(made, 20, 10);
    const began = made.clock.now();
    admitMany(made.breaker, 9);
    for (let i = 0; i < 4; i += 1) {
      made.clock.advance(i === 0 ? 500 : 500 * 2 ** i);
      await made.asked[i]?.answer(true);
    }
    expect(made.asked.map(({ at }) => at - began)).toEqual([500, 1_500, 3_500, 7_500]);
    expect(made.breaker.state).toBe('closed');
  });

  test('is never convicted while it answers, however long its calls take: a night of slow reports', async () => {
    const made = asking();
    traffic(made, 20, 10);
    const reports = admitMany(made.breaker, 20);
    for (let i = 0; i < 6_000; i += 1) {
      made.clock.advance(100);
      await made.asked.at(-1)?.answer(true);
    }
    expect(made.moves).toEqual([]);
    // Ten minutes: asked often at first, twice a minute later.
    expect(made.asked.length).toBeLessThan(40);
    for (const permit of reports) permit.succeed();
    expect(made.breaker.state).toBe('closed');
  });

  test('is found frozen in time after it had answered for long that it is there', async () => {
    const made = asking();
    traffic(made, 20, 10);
    const slow = admit(made.breaker);
    for (let i = 0; i < 200; i += 1) {
      made.clock.advance(100);
      await made.asked.at(-1)?.answer(true);
    }
    slow.succeed();
    traffic(made, 1_000, 1);
    const asked = made.asked.length;
    admit(made.breaker);
    made.clock.advance(2_000);
    expect(made.asked.length).toBe(asked + 1);
    await made.asked.at(-1)?.answer(false);
    expect(made.breaker.state).toBe('open');
  });

  test('an answer to any call while it is asked is an answer', async () => {
    const made = asking();
    traffic(made, 20, 10);
    const [, late] = admitMany(made.breaker, 12);
    made.clock.advance(500);
    late?.succeed();
    await made.asked[0]?.answer(false);
    expect(made.breaker.state).toBe('closed');
  });

  test('an answer that comes when the circuit has moved on changes nothing', async () => {
    const made = asking({ consecutiveFailures: 1 });
    traffic(made, 20, 10);
    admit(made.breaker);
    made.clock.advance(500);
    admit(made.breaker).fail(new Boom());
    made.breaker.reset();
    await made.asked[0]?.answer(false);
    expect(made.breaker.state).toBe('closed');
  });

  test('a question that fails is reported and convicts nobody', async () => {
    const faults: unknown[] = [];
    setFaultReporter((error) => void faults.push(error));
    const made = asking();
    traffic(made, 20, 10);
    admit(made.breaker);
    made.clock.advance(500);
    const broken = new Error('cannot ask');
    await made.asked[0]?.refuse(broken);
    expect(made.breaker.state).toBe('closed');
    expect(faults).toEqual([broken]);
  });

  test('a question that throws at once is reported too', async () => {
    const faults: unknown[] = [];
    setFaultReporter((error) => void faults.push(error));
    const broken = new Error('cannot ask');
    const made = bench(
      { stall },
      {
        verify: () => {
          throw broken;
        },
      },
    );
    traffic(made, 20, 10);
    admit(made.breaker);
    made.clock.advance(500);
    await settled();
    expect(faults[0]).toBe(broken);
    expect(made.breaker.state).toBe('closed');
  });

  test('a batch job whose calls all take seconds never trips while it answers', async () => {
    const made = asking();
    for (let round = 0; round < 10; round += 1) {
      const permits = admitMany(made.breaker, 20);
      for (let i = 0; i < 50; i += 1) {
        made.clock.advance(100);
        await made.asked.at(-1)?.answer(true);
      }
      for (const permit of permits) permit.succeed();
      expect(made.breaker.state).toBe('closed');
    }
  });

  test('a question that never ends is silence, too, and the next outage is asked about again', async () => {
    const made = asking({ open: { durationMs: 1_000 }, halfOpen: { permits: 1 } });
    for (let outage = 1; outage <= 2; outage += 1) {
      traffic(made, 20, 10);
      admit(made.breaker);
      made.clock.advance(500);
      expect(made.asked).toHaveLength(outage);
      made.clock.advance(4_999);
      expect(made.breaker.state).toBe('closed');
      made.clock.advance(1);
      expect(made.breaker.state).toBe('open');
      made.clock.advance(2_000);
      admit(made.breaker).succeed();
      expect(made.breaker.state).toBe('closed');
      // What comes after all is an answer to nothing.
      await made.asked[outage - 1]?.answer(false);
      expect(made.breaker.state).toBe('closed');
    }
  });

  describe('with fifty milliseconds of patience', () => {
    const soon = { stall: { afterMs: 50, calls: 10, factor: 4 } };

    test('ten calls that wait are enough to ask at once, fewer are given half a second', () => {
      const made = asking(soon);
      traffic(made, 300, 2);
      const [first] = admitMany(made.breaker, 9);
      made.clock.advance(499);
      expect(made.asked).toHaveLength(0);
      first?.succeed();
      admitMany(made.breaker, 10);
      made.clock.advance(50);
      expect(made.asked).toHaveLength(1);
    });

    test('a frozen server is out within two hundred milliseconds of its last answer', async () => {
      const made = asking(soon);
      traffic(made, 1_000, 2);
      const frozen = made.clock.now();
      for (let ms = 0; made.breaker.state === 'closed' && ms < 1_000; ms += 1) {
        admit(made.breaker);
        made.clock.advance(1);
        const question = made.asked[0];
        if (question !== undefined && made.clock.now() === question.at + 100) await question.answer(false);
      }
      expect(made.breaker.state).toBe('open');
      expect(made.clock.now() - frozen).toBeLessThan(200);
    });

    test('a healthy slow batch is asked about, and never refused', async () => {
      const made = asking(soon);
      traffic(made, 100, 2);
      for (let round = 0; round < 20; round += 1) {
        const batch = admitMany(made.breaker, 12);
        for (let ms = 0; ms < 1_500; ms += 25) {
          made.clock.advance(25);
          await made.asked.at(-1)?.answer(true);
        }
        for (const permit of batch) permit.succeed();
      }
      expect(made.moves).toEqual([]);
      expect(made.asked.length).toBeLessThan(20);
    });

    test('a pause of our own process for 300 ms opens nothing, whatever the moment', async () => {
      for (let moment = 0; moment < 100; moment += 1) {
        const made = asking(soon);
        traffic(made, 100, 2);
        const permits = admitMany(made.breaker, 20);
        made.clock.advance(moment);
        made.clock.skip(300);
        made.clock.advance(0);
        // The answers are read after the timers.
        for (const permit of permits) permit.succeed();
        await made.asked.at(-1)?.answer(false);
        made.clock.advance(1_000);
        expect(made.moves).toEqual([]);
      }
    });
  });
});
