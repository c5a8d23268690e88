import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BulkheadFullError } from '../../src/core/policy-errors.ts';
import { Bulkhead, type Slot } from '../../src/policies/bulkhead.ts';
import { ManualClock } from '../../src/testing.ts';
import { bench, deferred, down, standing, turns } from './harness.ts';

const make = (limit: number, queue: number, queueTimeoutMs?: number) => {
  const clock = new ManualClock();
  return { clock, bulkhead: new Bulkhead({ limit, queue, queueTimeoutMs }, clock) };
};

describe('the bulkhead', () => {
  it('lets so many in, lets so many wait in the order of their coming, and tells the rest at once', async () => {
    const { bulkhead } = make(1, 2);
    const first = bulkhead.tryEnter() as Slot;
    const order: string[] = [];
    const enter = async (name: string) => {
      const slot = (await bulkhead.enter()) as Slot;
      order.push(name);
      return slot;
    };
    const second = enter('second');
    const third = enter('third');
    expect(await bulkhead.enter()).toBe('full');
    expect([bulkhead.active, bulkhead.queued]).toEqual([1, 2]);
    first.release();
    (await second).release();
    await third;
    expect(order).toEqual(['second', 'third']);
    expect([bulkhead.active, bulkhead.queued]).toEqual([1, 0]);
  });

  it('lets nobody overtake those that wait', async () => {
    const { bulkhead } = make(1, 5);
    const first = bulkhead.tryEnter() as Slot;
    const waiting = bulkhead.enter();
    first.release();
    // The place has gone to the one that waited, before anybody else could ask.
    expect(bulkhead.tryEnter()).toBeUndefined();
    expect(await waiting).toBeTypeOf('object');
  });

  it('gives a place back once', () => {
    const { bulkhead } = make(2, 0);
    const slot = bulkhead.tryEnter() as Slot;
    bulkhead.tryEnter();
    slot.release();
    slot.release();
    slot[Symbol.dispose]();
    expect(bulkhead.active).toBe(1);
  });

  it('ends the wait of a caller who gives up, with the reason, and lets the next one have the place', async () => {
    const { bulkhead } = make(1, 5);
    const first = bulkhead.tryEnter() as Slot;
    const controller = new AbortController();
    const impatient = bulkhead.enter(controller.signal);
    const patient = bulkhead.enter();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(impatient).rejects.toBe(reason);
    first.release();
    expect(await patient).toBeTypeOf('object');
    expect([bulkhead.active, bulkhead.queued]).toEqual([1, 0]);
  });

  it('ends a wait that takes too long, of each caller for itself', async () => {
    const { bulkhead, clock } = make(1, 5, 100);
    bulkhead.tryEnter();
    const early = bulkhead.enter();
    clock.advance(50);
    const late = bulkhead.enter();
    clock.advance(50);
    expect(await early).toBe('waited');
    expect(await standing(late)).toBe('pending');
    clock.advance(50);
    expect(await late).toBe('waited');
    expect(clock.pendingTimers).toBe(0);
  });

  it('takes a new limit on at once: those inside stay, those that wait come in', async () => {
    const { bulkhead } = make(2, 5);
    bulkhead.tryEnter();
    bulkhead.tryEnter();
    const waiting = [bulkhead.enter(), bulkhead.enter()];
    bulkhead.setOptions({ limit: 1, queue: 5, queueTimeoutMs: undefined });
    expect(bulkhead.active).toBe(2);
    bulkhead.setOptions({ limit: 3, queue: 5, queueTimeoutMs: undefined });
    expect(await waiting[0]).toBeTypeOf('object');
    expect([bulkhead.active, bulkhead.queued]).toEqual([3, 1]);
  });

  it('stays what a naive list of who is where says it is, whatever happens', async () => {
    const action = fc.oneof(
      { weight: 4, arbitrary: fc.constant({ kind: 'enter' as const }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const), which: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), which: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('limit' as const), limit: fc.integer({ min: 1, max: 4 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        fc.array(action, { maxLength: 60 }),
        async (limit, queue, actions) => {
          const { bulkhead, clock } = make(limit, queue, 100);
          const naive = new NaiveBulkhead(limit, queue, 100);
          const slots = new Map<number, Slot>();
          const controllers = new Map<number, AbortController>();
          const ended = new Map<number, string>();
          for (const [id, each] of actions.entries()) {
            if (each.kind === 'enter') {
              const controller = new AbortController();
              controllers.set(id, controller);
              naive.enter(id, clock.now());
              bulkhead.enter(controller.signal).then(
                (entered) => (typeof entered === 'string' ? ended.set(id, entered) : slots.set(id, entered)),
                () => ended.set(id, 'aborted'),
              );
            } else if (each.kind === 'release' && naive.inside.length > 0) {
              const who = naive.inside[each.which % naive.inside.length] as number;
              naive.release(who);
              slots.get(who)?.release();
              slots.delete(who);
            } else if (each.kind === 'abort' && naive.waiting.length > 0) {
              const who = naive.waiting[each.which % naive.waiting.length]?.id as number;
              naive.end(who, 'aborted');
              controllers.get(who)?.abort();
            } else if (each.kind === 'pass') {
              clock.advance(each.ms);
              naive.pass(clock.now());
            } else if (each.kind === 'limit') {
              bulkhead.setOptions({ limit: each.limit, queue, queueTimeoutMs: 100 });
              naive.setLimit(each.limit);
            }
            await turns(12);
            expect([bulkhead.active, bulkhead.queued]).toEqual([naive.inside.length, naive.waiting.length]);
            expect([...slots.keys()].sort()).toEqual([...naive.inside].sort());
            expect(ended).toEqual(naive.ended);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('calls through a bulkhead', () => {
  it('are refused when it is full, counted by the reason, and leave the window alone', async () => {
    const { breaker, run } = bench({ bulkhead: { limit: 1 } });
    const hanging = deferred<string>();
    const inside = run(() => hanging.promise);
    const refused = run(async () => 'never');
    await expect(refused).rejects.toBeInstanceOf(BulkheadFullError);
    await expect(refused).rejects.toMatchObject({ code: 'EBULKHEADFULL', reason: 'bulkhead_full', breaker: 'billing' });
    expect(breaker.meters.rejections('bulkhead_full')).toBe(1);
    hanging.resolve('done');
    expect(await inside).toBe('done');
    expect(breaker.window).toEqual({ recorded: 1, failures: 0, slow: 0 });
  });

  it.each([
    ['succeeds', async () => 'ok'],
    ['fails', () => Promise.reject(down)],
    [
      'throws at once',
      () => {
        throw down;
      },
    ],
  ])('give their place back when the call %s', async (_how, call) => {
    const { policies, run } = bench({ bulkhead: { limit: 1 } });
    for (let n = 0; n < 3; n += 1) await run<unknown>(call).catch(() => undefined);
    expect(policies().bulkhead).toMatchObject({ active: 0, queued: 0 });
  });

  it('give their place back when the breaker refuses them', async () => {
    const { breaker, policies, run } = bench({ bulkhead: { limit: 1 } });
    breaker.forceOpen();
    for (let n = 0; n < 3; n += 1) await expect(run(async () => 1)).rejects.toMatchObject({ reason: 'forced_open' });
    expect(policies().bulkhead?.active).toBe(0);
  });

  it('give their place back when their time is over, although the work hangs on', async () => {
    const { clock, policies, run } = bench({ bulkhead: { limit: 1 }, totalTimeoutMs: 100 });
    const call = run(() => new Promise<never>(() => undefined));
    await turns();
    clock.advance(100);
    await expect(call).rejects.toMatchObject({ code: 'ECALLTIMEOUT' });
    expect(policies().bulkhead?.active).toBe(0);
  });

  it('hold their place while they wait to be repeated', async () => {
    const { clock, policies, run } = bench({ bulkhead: { limit: 1 }, retry: { attempts: 2, backoffMs: 100, jitter: 'none' } });
    const call = run(({ number }) => (number === 1 ? Promise.reject(down) : Promise.resolve('ok')));
    await turns();
    expect(policies().bulkhead?.active).toBe(1);
    clock.advance(100);
    expect(await call).toBe('ok');
    expect(policies().bulkhead?.active).toBe(0);
  });

  it('say how long they waited in vain', async () => {
    const { clock, run } = bench({ bulkhead: { limit: 1, queue: 1, queueTimeoutMs: 50 } });
    run(() => new Promise<never>(() => undefined)).catch(() => undefined);
    const waiting = run(async () => 1);
    await turns();
    clock.advance(50);
    await expect(waiting).rejects.toThrow('no place became free within 50 ms');
  });
});

/** Lists only, searched from the front each time. */
class NaiveBulkhead {
  inside: number[] = [];
  waiting: { id: number; since: number }[] = [];
  readonly ended = new Map<number, string>();
  constructor(
    private limit: number,
    private readonly queue: number,
    private readonly timeoutMs: number,
  ) {}
  enter(id: number, now: number): void {
    if (this.inside.length < this.limit) this.inside.push(id);
    else if (this.waiting.length < this.queue) this.waiting.push({ id, since: now });
    else this.ended.set(id, 'full');
  }
  release(id: number): void {
    this.inside = this.inside.filter((each) => each !== id);
    this.#admit();
  }
  end(id: number, how: string): void {
    this.waiting = this.waiting.filter((each) => each.id !== id);
    this.ended.set(id, how);
  }
  pass(now: number): void {
    for (const { id, since } of this.waiting) if (now - since >= this.timeoutMs) this.end(id, 'waited');
  }
  setLimit(limit: number): void {
    this.limit = limit;
    this.#admit();
  }
  #admit(): void {
    while (this.inside.length < this.limit && this.waiting.length > 0) this.inside.push((this.waiting.shift() as { id: number }).id);
  }
}
