import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, test } from 'vitest';
import { setFaultReporter } from '../../src/core/fault.ts';
import type { CallTracer } from '../../src/core/tracer.ts';
import { admit, Boom, bench, fail, halfOpened, opened } from './harness.ts';

afterEach(() => void setFaultReporter(undefined));

const quiet: CallTracer = { admitted: () => undefined, settled: () => undefined, rejected: () => undefined, enter: (_trace, fn) => fn() };

describe('a tracer', () => {
  test('is told of each call in the context of its caller, and gets its trace back at the end', () => {
    const context = new AsyncLocalStorage<string>();
    const told: unknown[] = [];
    const tracer: CallTracer = {
      ...quiet,
      admitted: (breaker, probe) => {
        told.push(['admitted', breaker.name, probe, context.getStore()]);
        return 'trace 1';
      },
      settled: (trace, _breaker, state, outcome, durationMs, error) => void told.push(['settled', trace, state, outcome, durationMs, error]),
    };
    const { breaker, clock } = bench({}, { tracer });
    const error = new Boom();
    const permit = context.run('request', () => admit(breaker));
    clock.advance(12);
    permit.fail(error);
    expect(told).toEqual([
      ['admitted', 'subject', false, 'request'],
      ['settled', 'trace 1', 'closed', 'failure', 12, error],
    ]);
  });

  test.each(['success', 'failure'] as const)('finds its trace at the opening that a %s brought about, with what the server asked for', (last) => {
    let made = 0;
    const tracer: CallTracer = { ...quiet, admitted: () => `trace ${++made}` };
    const { breaker, moves } = bench({ failureRatio: 0.5, minimumCalls: 2, open: { durationMs: 1_000 } }, { tracer });
    admit(breaker).fail(new Boom());
    const permit = admit(breaker);
    permit.retryAfter(5_000);
    permit.settle(last, last === 'failure' ? new Boom() : undefined);
    expect(moves).toMatchObject([{ to: 'open', trigger: 'failure_ratio', trace: 'trace 2', openForMs: 5_000 }]);
  });

  test('is not told of the end of a call it took no interest in', () => {
    const told: unknown[] = [];
    const { breaker } = bench({}, { tracer: { ...quiet, settled: () => void told.push(1) } });
    admit(breaker).succeed();
    expect(told).toEqual([]);
  });

  test('is told of refusals, would-be ones too', () => {
    const told: unknown[] = [];
    const tracer: CallTracer = { ...quiet, rejected: (_breaker, ...rest) => void told.push(rest) };
    opened({}, { tracer }).breaker.tryAcquire();
    opened({ mode: 'shadow' }, { tracer }).breaker.tryAcquire();
    expect(told).toEqual([
      ['open', 5_000, false],
      ['open', 5_000, true],
    ]);
  });

  test('has its traces listed in events: of the cause, of the failures, of calls still waiting', () => {
    const traces = Array.from({ length: 43 }, (_, i) => `trace ${i + 1}`);
    const left = [...traces];
    const { breaker, moves } = bench({ consecutiveFailures: 3 }, { tracer: { ...quiet, admitted: () => left.shift() } });
    for (let i = 0; i < 40; i += 1) admit(breaker);
    fail(breaker, 3);
    expect(moves[0]?.trace).toBe('trace 43');
    expect(moves[0]?.failures.map(({ trace }) => trace)).toEqual(['trace 41', 'trace 42', 'trace 43']);
    expect(moves[0]?.waiting).toEqual(traces.slice(0, 32));
  });

  test('has the function of a probe run within its span', async () => {
    const context = new AsyncLocalStorage<unknown>();
    const tracer: CallTracer = {
      ...quiet,
      admitted: (_breaker, probe) => (probe ? 'probe' : undefined),
      enter: (trace, fn) => context.run(trace, fn),
    };
    const { breaker } = halfOpened({ halfOpen: { permits: 2 } }, { tracer });
    expect(await breaker.run(() => context.getStore())).toBe('probe');
    expect(breaker.runSync(() => context.getStore())).toBe('probe');
    expect(breaker.state).toBe('closed');
    expect(await breaker.run(() => context.getStore())).toBeUndefined();
  });

  test('that throws everywhere changes no call, and is reported', async () => {
    const faults: string[] = [];
    setFaultReporter((_error, where) => void faults.push(where));
    const broken = (): never => {
      throw new Error('tracer is broken');
    };
    const tracer: CallTracer = { admitted: broken, settled: broken, rejected: broken, enter: broken };
    const { breaker, clock } = bench({ consecutiveFailures: 1 }, { tracer });
    await expect(breaker.run(() => 1)).resolves.toBe(1);
    fail(breaker);
    await expect(breaker.run(() => 1)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
    clock.advance(5_000);
    await expect(breaker.run(() => 2)).resolves.toBe(2);
    expect(new Set(faults)).toEqual(new Set(['call tracer']));
  });

  test.each([
    ['throws before the call', () => JSON.parse('{')],
    ['throws after the call', (_trace: unknown, fn: () => unknown) => JSON.parse(`{${String(fn())}`)],
    ['forgets the call', () => 'mine'],
    ['makes the call twice', (_trace: unknown, fn: () => unknown) => [fn(), fn()]],
  ])('that %s in `enter`: the call is made once and its result is its own', async (_, enter) => {
    setFaultReporter(() => undefined);
    const { breaker } = halfOpened({}, { tracer: { ...quiet, admitted: () => 'trace', enter: enter as CallTracer['enter'] } });
    let calls = 0;
    const result = await breaker.run(() => {
      calls += 1;
      return 'theirs';
    });
    expect([result, calls]).toEqual(['theirs', 1]);
    const error = new Boom();
    const thrower = (): never => {
      throw error;
    };
    expect(() => breaker.runSync(thrower)).toThrow(error);
  });

  test('lets go of the trace when the call is over', async () => {
    const collected: WeakRef<object>[] = [];
    const tracer: CallTracer = {
      ...quiet,
      admitted: () => {
        const span = {};
        collected.push(new WeakRef(span));
        return span;
      },
    };
    const { breaker } = bench({}, { tracer });
    await breaker.run(() => 1);
    if (globalThis.gc === undefined) return expect(collected).toHaveLength(1);
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc();
    expect(collected[0]?.deref()).toBeUndefined();
  });
});
