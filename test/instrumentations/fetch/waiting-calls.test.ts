import { beforeEach, describe, expect, it } from 'vitest';
import { type WaitingCall, WaitingCalls } from '../../../instrumentations/fetch/waiting-calls.ts';
import type { Breaker } from '../../../src/breaker/breaker.ts';
import { createBreaker } from '../../../src/breaker/create-breaker.ts';
import type { BreakerOptions } from '../../../src/core/options.ts';
import { ManualClock } from '../../../src/testing.ts';

const options: BreakerOptions = {
  name: 'http://h',
  stall: { afterMs: 250, calls: 2, factor: 4 },
  open: { durationMs: 1_000, jitter: 0 },
  halfOpen: { leaseMs: 5_000, scoutMs: 250 },
};

let clock: ManualClock;
let breaker: Breaker;
let waiting: WaitingCalls;

function begin(mode: BreakerOptions = {}): void {
  clock = new ManualClock();
  breaker = createBreaker({ ...options, ...mode }, { clock });
  waiting = new WaitingCalls(breaker);
  waiting.follow();
}
beforeEach(() => begin());

/** A call to a server that keeps silent, unless it is answered by hand. */
function call() {
  const permit = breaker.tryAcquire();
  if (permit === undefined) return undefined;
  const made: WaitingCall & { error?: Error; answer(): void } = {
    ...{ startedAt: permit.startedAt, older: undefined, newer: undefined, listed: false },
    giveUp(error) {
      made.error = error;
    },
    answer() {
      waiting.remove(made);
      waiting.answered(permit.startedAt);
      permit.succeed();
    },
  };
  waiting.add(made);
  return made;
}
type Call = NonNullable<ReturnType<typeof call>>;

/** Some healthy calls, then two that wait: the circuit opens, and its probes go out a second later. */
function hang(): Call[] {
  for (let n = 0; n < 20; n += 1) {
    const each = call();
    clock.advance(1);
    each?.answer();
  }
  const held = [call(), call()] as Call[];
  clock.advance(300);
  expect(breaker.snapshot().lastTrip?.trigger ?? breaker.mode).toMatch(/stall|shadow/);
  clock.advance(1_000);
  return [...held, call() as Call];
}

describe('calls that wait for an origin', () => {
  it('are given up once its probes have kept silent as well, the probes too', () => {
    const calls = hang();
    clock.advance(3_900);
    expect(calls.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    clock.advance(200);
    expect(calls.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual(['ECALLTIMEOUT', 'ECALLTIMEOUT', 'ECALLTIMEOUT']);
  });

  it('are left alone where a probe is answered: the server was only slow for them', () => {
    const [first, second, probe] = hang() as [Call, Call, Call];
    probe.answer();
    clock.advance(60_000);
    expect([first.error, second.error]).toEqual([undefined, undefined]);
  });

  it('are left alone where they have outlasted the answers of later calls: they wait by their nature', () => {
    const poll = call() as Call;
    clock.advance(10);
    const calls = hang();
    clock.advance(5_100);
    expect(poll.error).toBeUndefined();
    expect(calls.every(({ error }) => error !== undefined)).toBe(true);
  });

  it('get two seconds at least', () => {
    hang();
    clock.advance(3_900);
    const late = call() as Call;
    clock.advance(1_200);
    expect(breaker.state).toBe('open');
    expect(late.error).toBeUndefined();
    clock.advance(900);
    expect(late.error).toBeDefined();
  });

  it('are given up after five where the origin answers others again: it has forgotten those of its silence', () => {
    hang();
    clock.advance(4_000);
    const scout = () => {
      while (breaker.state === 'open') clock.advance(50);
      return call() as Call;
    };
    const forgotten = scout();
    clock.advance(300);
    expect(breaker.state).toBe('open');
    for (let answered = 0; answered < 3; answered += 1) scout().answer();
    expect(breaker.state).toBe('closed');
    const slow = call() as Call;
    clock.advance(3_000);
    expect(forgotten.error).toBeUndefined();
    clock.advance(2_000);
    expect(forgotten.error).toBeDefined();
    clock.advance(60_000);
    expect(slow.error).toBeUndefined();
  });

  it('get thirty where the origin has never answered: nobody knows how long it takes', () => {
    for (let failed = 0; failed < 20; failed += 1) breaker.tryAcquire()?.fail(new Error('503'));
    clock.advance(1_000);
    const probe = call() as Call;
    clock.advance(29_900);
    expect(breaker.snapshot().lastTrip?.trigger).toBe('probe_lease');
    expect(probe.error).toBeUndefined();
    clock.advance(200);
    expect(probe.error).toBeDefined();
  });

  it('are left alone in shadow mode', () => {
    begin({ mode: 'shadow' });
    const calls = hang();
    clock.advance(60_000);
    expect(calls.every(({ error }) => error === undefined)).toBe(true);
  });
});
