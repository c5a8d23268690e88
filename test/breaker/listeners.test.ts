import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, test } from 'vitest';
import { createBreaker } from '../../src/breaker/create-breaker.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { admit, Boom, bench, fail, opened, settled } from './harness.ts';

afterEach(() => void setFaultReporter(undefined));

function faultsReported(): unknown[] {
  const faults: unknown[] = [];
  setFaultReporter((error) => void faults.push(error));
  return faults;
}

describe('listeners', () => {
  test('are told after the state has moved', () => {
    const { breaker } = bench({ consecutiveFailures: 1 });
    const seen: string[] = [];
    breaker.on('transition', ({ to }) => void seen.push(`${to} ${breaker.state} ${breaker.snapshot().state}`));
    fail(breaker);
    expect(seen).toEqual(['open open open']);
  });

  test('one that throws is reported and changes nothing, not for the other listeners either', () => {
    const faults = faultsReported();
    const { breaker } = bench({ consecutiveFailures: 1 });
    const broken = new Error('listener is broken');
    const heard: string[] = [];
    breaker.on('transition', () => void heard.push('first'));
    breaker.on('transition', () => {
      throw broken;
    });
    breaker.on('transition', () => void heard.push('third'));
    fail(breaker);
    expect(heard).toEqual(['first', 'third']);
    expect(breaker.state).toBe('open');
    expect(faults).toEqual([broken]);
  });

  test('that throw, on every event, leave results and errors of the calls as they are', async () => {
    faultsReported();
    const { breaker } = bench({ consecutiveFailures: 1 });
    for (const name of ['transition', 'rejected', 'call', 'verdict'] as const) {
      breaker.on(name, () => {
        throw new Error('listener is broken');
      });
    }
    await expect(breaker.run(() => 'value')).resolves.toBe('value');
    const error = new Boom();
    await expect(breaker.run(() => Promise.reject(error))).rejects.toBe(error);
    await expect(breaker.run(() => 1)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
  });

  test('async ones that reject are reported, and are no unhandled rejection', async () => {
    const faults = faultsReported();
    const { breaker } = bench({ consecutiveFailures: 1 });
    const broken = new Error('async listener is broken');
    breaker.on('transition', async () => {
      throw broken;
    });
    fail(breaker);
    await settled();
    expect(faults).toEqual([broken]);
  });

  test('hear events in one order, though a listener causes more of them', () => {
    const { breaker } = bench({ consecutiveFailures: 1 });
    const first: string[] = [];
    const second: string[] = [];
    breaker.on('transition', ({ to }) => {
      first.push(to);
      if (to === 'open') breaker.forceOpen();
    });
    breaker.on('transition', ({ to }) => void second.push(to));
    fail(breaker);
    expect(first).toEqual(['open', 'forced_open']);
    expect(second).toEqual(first);
  });

  test('that reset the circuit as soon as it opens change nothing in the call that opened it', () => {
    const { breaker } = bench({ consecutiveFailures: 1 });
    breaker.on('transition', ({ to }) => {
      if (to === 'open') breaker.reset();
    });
    fail(breaker, 3);
    expect(breaker.state).toBe('closed');
    expect(breaker.inFlight).toBe(0);
    expect(breaker.snapshot().calls.failure).toBe(3);
  });

  test('are let go by dispose, each registration by its own', () => {
    const { breaker } = bench({ consecutiveFailures: 1 });
    const heard: string[] = [];
    const listener = (): void => void heard.push('x');
    const one = breaker.on('transition', listener);
    const two = breaker.on('transition', listener);
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    fail(breaker);
    expect(heard).toEqual(['x']);
    two[Symbol.dispose]();
    breaker.forceOpen();
    expect(heard).toEqual(['x']);
  });

  test('with `using` are let go at the end of the scope', () => {
    const { breaker } = bench();
    const heard: unknown[] = [];
    {
      using _subscription = breaker.on('transition', () => void heard.push(1));
      breaker.forceOpen();
    }
    breaker.release();
    expect(heard).toHaveLength(1);
  });

  test('run outside the async context of the call that caused the event', async () => {
    const context = new AsyncLocalStorage<string>();
    const breaker = createBreaker({ consecutiveFailures: 1, open: { durationMs: 5, jitter: 0 } });
    const seen: unknown[] = [];
    const halfOpen = new Promise<void>((resolve) => {
      breaker.on('transition', ({ to }) => {
        seen.push([to, context.getStore()]);
        if (to === 'half_open') resolve();
      });
    });
    breaker.on('call', () => void seen.push(['call', context.getStore()]));
    await context.run('request 1', async () => {
      await breaker.run(() => Promise.reject(new Boom())).catch(() => undefined);
      breaker.tryAcquire();
    });
    // The system timer of an open breaker is unref'd: this keeps the process there.
    const alive = setInterval(() => undefined, 50);
    await halfOpen;
    clearInterval(alive);
    expect(seen).toEqual([
      ['open', undefined],
      ['call', undefined],
      ['half_open', undefined],
    ]);
  });
});

describe('events', () => {
  test('of a transition list the last 32 failures, the newest last', () => {
    const { breaker, moves } = bench({ failureCount: 40 });
    for (let i = 0; i < 40; i += 1) admit(breaker).fail(Object.assign(new Error(), { code: `E${i}` }));
    expect(moves[0]?.failures.map(({ errorType }) => errorType)).toEqual(Array.from({ length: 32 }, (_, i) => `E${i + 8}`));
  });

  test('of a call tell the state that admitted it, its outcome, duration and error', () => {
    const { breaker, clock, calls } = opened();
    clock.advance(5_000);
    const probe = admit(breaker);
    clock.advance(7);
    const error = new Boom();
    probe.fail(error);
    expect(calls.at(-1)).toEqual({ breaker, state: 'half_open', outcome: 'failure', durationMs: 7, slow: false, error });
  });

  test('number the generations without a gap', () => {
    const { breaker, clock, moves } = opened({ open: { factor: 1 } });
    for (let i = 0; i < 5; i += 1) {
      clock.advance(5_000);
      fail(breaker);
    }
    expect(moves.map(({ generation }) => generation)).toEqual(moves.map((_, i) => i + 1));
    expect(breaker.generation).toBe(moves.length);
  });
});
