import { beforeEach, describe, expect, it } from 'vitest';
import { type Pending, PendingCalls, type Permitted, type Unpermitted } from '../../../instrumentations/pg/pending.ts';
import type { Breaker } from '../../../src/breaker/breaker.ts';
import { createBreaker } from '../../../src/breaker/create-breaker.ts';
import type { Permit } from '../../../src/breaker/permit.ts';
import { ManualClock } from '../../../src/testing.ts';

let clock: ManualClock;
let breaker: Breaker;
let silent: boolean;
let questions: number;
let found: number;
let answered: string[];
let calls: PendingCalls;

beforeEach(() => {
  clock = new ManualClock();
  breaker = createBreaker({ open: { durationMs: 60_000, jitter: 0 } }, { clock });
  silent = true;
  questions = 0;
  found = 0;
  answered = [];
  calls = new PendingCalls({
    clock,
    isSilent: async () => {
      questions += 1;
      return silent;
    },
    foundSilent: () => {
      found += 1;
      open();
    },
  });
});

const open = () => {
  breaker.report(new Error('gone'), { refused: true });
  calls.opened();
};
const pending = (name: string): Pending => ({
  breaker,
  startedAt: clock.now(),
  unseen: false,
  sent: true,
  answer: () => answered.push(name),
  queue: undefined,
  queuedAs: undefined,
  abandon: () => void answered.push(`${name} given up`),
  over: false,
  convicted: false,
});
function call(name: string, over: Partial<Pending> = {}): Unpermitted {
  const made: Unpermitted = {
    ...pending(name),
    older: undefined,
    newer: undefined,
    listed: false,
    ...over,
  };
  calls.add(made);
  return made;
}
async function pass(ms: number): Promise<void> {
  for (let spent = 0; spent < ms; spent += 100) {
    clock.advance(100);
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }
}

describe('calls that wait on a silent server', () => {
  it('are answered once the circuit is open and they have waited long enough', async () => {
    call('a');
    await pass(1_000);
    call('b');
    open();
    expect(answered).toEqual([]);
    await pass(600);
    expect(answered).toEqual(['a']);
    await pass(1_000);
    expect(answered).toEqual(['a', 'b']);
  });

  it('are left alone while the circuit is closed, however long they take', async () => {
    call('a');
    await pass(10_000);
    expect([questions, answered]).toEqual([0, []]);
  });

  it('are left alone when the server answers, which is asked less and less often', async () => {
    silent = false;
    call('a');
    open();
    await pass(30_000);
    expect(answered).toEqual([]);
    expect(questions).toBeLessThan(6);
    expect(questions).toBeGreaterThan(1);
  });

  it('are left alone when they were sent long before the newest success: they are slow by nature', async () => {
    call('slow');
    call('queued', { sent: false });
    await pass(3_000);
    calls.succeeded(clock.now());
    call('new');
    open();
    await pass(3_000);
    expect(answered).toEqual(['queued', 'new']);
  });

  it('are forgotten in whatever order they settle, and those that are left are answered in theirs', async () => {
    const made = ['a', 'b', 'c', 'd', 'e'].map((name) => call(name));
    for (const at of [2, 0, 4, 2]) calls.remove(made[at] as Unpermitted);
    call('f');
    calls.remove(made[3] as Unpermitted);
    for (const at of [0, 2, 3, 4]) expect(made[at]).toMatchObject({ older: undefined, newer: undefined });
    open();
    await pass(2_000);
    expect(answered).toEqual(['b', 'f']);
  });

  it('are given up when the pool in whose queue they stand ends', () => {
    call('a');
    call('b', { queuedAs: 'b' });
    call('c', { queuedAs: 'c' });
    calls.abandon({}, new Set(['c', undefined]));
    expect(answered).toEqual(['c given up']);
  });

  it('are not answered when they have settled meanwhile', async () => {
    const settled = call('a');
    open();
    await pass(1_000);
    calls.remove(settled);
    await pass(2_000);
    expect([questions, answered]).toEqual([0, []]);
  });
});

describe('calls that hold permits', () => {
  const held = (name: string, over: Partial<Permitted> = {}): Permit => {
    const permit = breaker.tryAcquire() as Permit;
    permit.holder = { ...pending(name), among: calls, ...over };
    return permit;
  };

  it('are found by them, answered once, with others in the order in which they began', async () => {
    calls.follow(breaker);
    call('a');
    held('b');
    await pass(10);
    call('c');
    held('d', { answer: () => undefined });
    held('e');
    open();
    await pass(10_000);
    expect([answered, questions]).toEqual([['a', 'b', 'c', 'e'], 2]);
  });

  it('are left alone when they wait for another server, with which they share a breaker', async () => {
    calls.follow(breaker);
    held('a', { among: new PendingCalls({ clock, isSilent: async () => false, foundSilent: () => undefined }) });
    held('b');
    open();
    await pass(3_000);
    expect(answered).toEqual(['b']);
  });

  it('are not answered once those are settled, or when nobody follows their breaker', async () => {
    held('a');
    open();
    await pass(3_000);
    expect([questions, answered]).toEqual([0, []]);
    calls.follow(breaker);
    breaker.reset();
    held('b').ignore();
    open();
    await pass(3_000);
    expect(answered).toEqual(['a']);
  });

  it('are found as long as they are under way, also when their breaker is no longer in use', async () => {
    calls.follow(breaker);
    held('a');
    breaker.retired = true;
    calls.follow(createBreaker({}, { clock }));
    open();
    await pass(3_000);
    expect(answered).toEqual(['a']);
  });

  it('are given up when the pool in whose queue they stand ends', () => {
    calls.follow(breaker);
    held('a');
    held('b', { queuedAs: 'b' });
    const pool = {};
    held('c', { queue: pool });
    held('d', { queue: {} });
    calls.abandon(pool, new Set(['b', undefined]));
    expect(answered).toEqual(['b given up', 'c given up']);
  });
});

describe('connection attempts that no permit stands for', () => {
  it('make us ask after a second, open the circuits of a silent server, and are answered', async () => {
    call('a', { unseen: true, sent: false });
    await pass(900);
    expect(questions).toBe(0);
    await pass(200);
    expect([questions, found, answered]).toEqual([1, 1, []]);
    await pass(600);
    expect([found, answered]).toEqual([1, ['a']]);
  });

  it('prove nothing when the server answers', async () => {
    silent = false;
    call('a', { unseen: true, sent: false });
    await pass(20_000);
    expect([found, answered]).toEqual([0, []]);
    expect(questions).toBeLessThan(6);
  });
});
