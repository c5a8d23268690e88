import { AsyncLocalStorage } from 'node:async_hooks';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CallTimeoutError, isBreakerError } from '../../src/core/errors.ts';
import { InjectedFaultError, isInjectedFault } from '../../src/core/injected-fault-error.ts';
import { protect } from '../../src/protect.ts';
import { bench, settled } from './harness.ts';

const failed = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'succeeded',
    (error: unknown) => error,
  );

/** Ticks, too. */
const ticked = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

afterEach(() => vi.unstubAllEnvs());

describe('an injected error', () => {
  test('is what the call fails with, and the function is not called', async () => {
    const { breaker, calls } = bench();
    const fn = vi.fn(async () => 'answer');
    using injection = breaker.inject({ kind: 'error' });
    const error = await failed(breaker.run(fn));
    expect(error).toBeInstanceOf(InjectedFaultError);
    expect(error).toMatchObject({
      name: 'InjectedFaultError',
      code: 'EINJECTEDFAULT',
      breaker: 'subject',
      message: expect.stringContaining('on purpose'),
    });
    expect([isInjectedFault(error), isInjectedFault(new TypeError('fetch failed', { cause: error })), isBreakerError(error)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(fn).not.toHaveBeenCalled();
    expect(calls).toMatchObject([{ outcome: 'failure', error }]);
    expect([injection.calls, breaker.meters.injections('error'), breaker.inFlight]).toEqual([1, 1, 0]);
  });

  test('has the code and the message that were asked for', async () => {
    const { breaker } = bench();
    using _ = breaker.inject({ kind: 'error', error: { code: 'ECONNRESET', message: 'read ECONNRESET' } });
    expect(await failed(breaker.run(async () => 1))).toMatchObject({ code: 'ECONNRESET', message: 'read ECONNRESET' });
    expect([...breaker.meters.durations.keys()]).toEqual(['failure:ECONNRESET']);
  });

  test('opens the circuit as a real one does, and is the cause of the refusals that follow', async () => {
    const { breaker, trail, moves } = bench({ consecutiveFailures: 2 });
    using _ = breaker.inject({ kind: 'error' });
    await failed(breaker.run(async () => 1));
    const last = await failed(breaker.run(async () => 1));
    expect(trail()).toEqual(['closed>open consecutive_failures']);
    expect(moves).toMatchObject([{ injected: true, error: last }]);
    const refusal = await failed(breaker.run(async () => 1));
    expect(refusal).toMatchObject({ code: 'EBREAKEROPEN', cause: last });
    expect(isInjectedFault(refusal)).toBe(false);
  });

  test('is met by probes, and the first one after its end closes the circuit', async () => {
    const { breaker, clock, trail } = bench({ consecutiveFailures: 1, open: { durationMs: 1_000, factor: 1 }, halfOpen: { permits: 1 } });
    const injection = breaker.inject({ kind: 'error' });
    await failed(breaker.run(async () => 1));
    clock.advance(1_000);
    await failed(breaker.run(async () => 1));
    injection.end();
    clock.advance(1_000);
    expect(await breaker.run(async () => 1)).toBe(1);
    expect(trail().slice(1)).toEqual([
      'open>half_open open_elapsed',
      'half_open>open probes_failed',
      'open>half_open open_elapsed',
      'half_open>closed probes_succeeded',
    ]);
  });

  test('counts as a failure whatever classify makes of it', async () => {
    const { breaker, calls } = bench({ classify: () => 'ignored' });
    using _ = breaker.inject({ kind: 'error' });
    await failed(breaker.run(async () => 1));
    await failed(breaker.run(async () => 1, { timeoutMs: 1_000 }));
    expect(calls.map(({ outcome }) => outcome)).toEqual(['failure', 'failure']);
  });

  test.each([
    ['runSync', (breaker: ReturnType<typeof bench>['breaker'], fn: () => number) => breaker.runSync(fn)],
    [
      'tryAcquire',
      (breaker: ReturnType<typeof bench>['breaker'], fn: () => number) => {
        const permit = breaker.tryAcquire();
        if (permit === undefined) throw breaker.rejection();
        return fn();
      },
    ],
  ])('is thrown by %s', (_, call) => {
    const { breaker, calls } = bench();
    using injection = breaker.inject({ kind: 'error' });
    const fn = vi.fn(() => 1);
    expect(() => call(breaker, fn)).toThrow(InjectedFaultError);
    expect(fn).not.toHaveBeenCalled();
    expect(calls).toMatchObject([{ outcome: 'failure' }]);
    injection.end();
    expect(call(breaker, fn)).toBe(1);
  });

  test('reaches a callback on a later tick', async () => {
    const { breaker } = bench();
    using _ = breaker.inject({ kind: 'error' });
    const told = vi.fn();
    const start = vi.fn();
    breaker.runCallback(start, told);
    expect(told).not.toHaveBeenCalled();
    await ticked();
    expect(told).toHaveBeenCalledExactlyOnceWith(expect.any(InjectedFaultError));
    expect(start).not.toHaveBeenCalled();
  });

  test('is not remembered by the next refusal', async () => {
    const { breaker } = bench();
    const injection = breaker.inject({ kind: 'error' });
    expect(breaker.tryAcquire()).toBeUndefined();
    injection.end();
    breaker.forceOpen();
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.rejection().code).toBe('EBREAKEROPEN');
  });
});

describe('injected latency', () => {
  test('delays the call, and its duration counts', async () => {
    const { breaker, clock, calls } = bench();
    using _ = breaker.inject({ kind: 'latency', latencyMs: 200 });
    const fn = vi.fn(async () => 'answer');
    const call = breaker.run(fn);
    await settled();
    clock.advance(199);
    await settled();
    expect([fn.mock.calls.length, breaker.inFlight]).toEqual([0, 1]);
    clock.advance(1);
    expect(await call).toBe('answer');
    expect(calls).toMatchObject([{ outcome: 'success', durationMs: 200 }]);
  });

  test('ends with the caller’s signal, and the function is not called then', async () => {
    const { breaker, clock, calls } = bench();
    using injection = breaker.inject({ kind: 'latency', latencyMs: 200 });
    const fn = vi.fn(async () => 'answer');
    const controller = new AbortController();
    const call = failed(breaker.run(fn, { signal: controller.signal }));
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await call).toBe(reason);
    clock.advance(1_000);
    await settled();
    expect(fn).not.toHaveBeenCalled();
    expect(calls).toMatchObject([{ outcome: 'cancelled' }]);
    expect(injection.waiting).toBe(0);
  });

  test('runs into the time-out of the call', async () => {
    const { breaker, clock, calls } = bench({ timeoutMs: 100 });
    using injection = breaker.inject({ kind: 'latency', latencyMs: 200 });
    const fn = vi.fn(async () => 'answer');
    const call = failed(breaker.run(fn));
    clock.advance(100);
    expect(await call).toBeInstanceOf(CallTimeoutError);
    clock.advance(1_000);
    await settled();
    expect(fn).not.toHaveBeenCalled();
    expect([calls.map(({ outcome }) => outcome), injection.waiting, breaker.inFlight]).toEqual([['failure'], 0, 0]);
  });

  test('is over when the injection is', async () => {
    const { breaker, clock } = bench();
    const injection = breaker.inject({ kind: 'latency', latencyMs: 60_000 });
    const call = breaker.run(async () => 'answer');
    await settled();
    injection.end();
    expect(await call).toBe('answer');
    expect(clock.pendingTimers).toBe(0);
  });

  test('delays a callback’s call in the context of its caller', async () => {
    const { breaker, clock } = bench();
    using _ = breaker.inject({ kind: 'latency', latencyMs: 50 });
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    context.run('request 7', () =>
      breaker.runCallback<[string]>(
        (done) => {
          seen.push(context.getStore());
          done(null, 'answer');
        },
        (_error, answer) => void seen.push(answer),
      ),
    );
    expect(seen).toEqual([]);
    clock.advance(50);
    await ticked();
    expect(seen).toEqual(['request 7', 'answer']);
  });

  test('does not crash the process where a delayed function throws', async () => {
    const { breaker, clock } = bench();
    using _ = breaker.inject({ kind: 'latency', latencyMs: 50 });
    const told = vi.fn();
    breaker.runCallback(() => {
      throw new Error('thrown');
    }, told);
    clock.advance(50);
    await ticked();
    expect(told).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ message: 'thrown' }));
    expect(breaker.inFlight).toBe(0);
  });

  test('cannot be given to what answers at once, which is spared', () => {
    const { breaker } = bench();
    using injection = breaker.inject({ kind: 'latency', latencyMs: 50 });
    expect(breaker.runSync(() => 1)).toBe(1);
    expect(injection.calls).toBe(0);
  });
});

describe('an injected hang', () => {
  test('is not answered until the injection ends: then the call fails, and proves nothing', async () => {
    const { breaker, clock, calls } = bench();
    breaker.inject({ kind: 'hang', durationMs: 30_000 });
    const fn = vi.fn(async () => 'answer');
    const call = failed(breaker.run(fn));
    clock.advance(29_999);
    await settled();
    expect([breaker.inFlight, calls]).toEqual([1, []]);
    clock.advance(1);
    expect(await call).toBeInstanceOf(InjectedFaultError);
    expect(calls).toMatchObject([{ outcome: 'ignored' }]);
    expect([fn.mock.calls.length, breaker.inFlight, clock.pendingTimers, breaker.injected]).toEqual([0, 0, 0, false]);
    expect(await breaker.run(fn)).toBe('answer');
  });

  test('ends with the caller’s signal and with the time-out of the call, and nothing is kept', async () => {
    const { breaker, clock, calls } = bench();
    using injection = breaker.inject({ kind: 'hang' });
    const controller = new AbortController();
    const byCaller = failed(breaker.run(() => new Promise(() => {}), { signal: controller.signal }));
    const byTime = failed(breaker.run(() => new Promise(() => {}), { timeoutMs: 500 }));
    expect(injection.waiting).toBe(2);
    controller.abort(new Error('enough'));
    clock.advance(500);
    expect(await byCaller).toMatchObject({ message: 'enough' });
    expect(await byTime).toBeInstanceOf(CallTimeoutError);
    expect([calls.map(({ outcome }) => outcome).sort(), injection.waiting, breaker.inFlight]).toEqual([['cancelled', 'failure'], 0, 0]);
  });

  test('answers a call that has a time-out of its own when the injection ends before that', async () => {
    const { breaker, calls } = bench({ timeoutMs: 10_000 });
    const injection = breaker.inject({ kind: 'hang' });
    const call = failed(breaker.run(async () => 1));
    injection.end();
    expect(await call).toBeInstanceOf(InjectedFaultError);
    expect(calls).toMatchObject([{ outcome: 'ignored' }]);
    expect(await breaker.run(async () => 2)).toBe(2);
  });

  test('stalls the circuit, and the server that is asked seems silent', async () => {
    const verify = vi.fn(() => Promise.resolve(true));
    const { breaker, clock, trail } = bench({ stall: { afterMs: 500, calls: 10 } }, { verify });
    const injection = breaker.inject({ kind: 'hang' });
    const call = failed(breaker.run(async () => 1));
    for (let ms = 0; ms < 5_000 && breaker.state === 'closed'; ms += 50) {
      clock.advance(50);
      await settled();
    }
    expect(trail()).toEqual(['closed>open stall']);
    expect(verify).toHaveBeenCalledWith(undefined, true);
    injection.end();
    await call;
  });

  test('keeps evidence of recovery from the circuit while it lasts', async () => {
    const { breaker } = bench({ consecutiveFailures: 1 });
    breaker.tryAcquire()?.fail(new Error('down'));
    const injection = breaker.inject({ kind: 'hang' });
    breaker.recovered({ proven: true });
    expect(breaker.state).toBe('open');
    injection.end();
    breaker.recovered({ proven: true });
    expect(breaker.state).toBe('half_open');
  });

  test('of a probe gives its permit back when the injection ends', async () => {
    const { breaker, clock, trail } = bench({ consecutiveFailures: 1, open: { durationMs: 1_000 }, halfOpen: { permits: 1, leaseMs: 10_000 } });
    breaker.tryAcquire()?.fail(new Error('down'));
    const injection = breaker.inject({ kind: 'hang' });
    clock.advance(1_000);
    const probe = failed(breaker.run(async () => 1));
    injection.end();
    await probe;
    expect(await breaker.run(async () => 2)).toBe(2);
    expect(trail().at(-1)).toBe('half_open>closed probes_succeeded');
  });

  test('reaches a callback when it ends', async () => {
    const { breaker } = bench();
    const injection = breaker.inject({ kind: 'hang' });
    const told = vi.fn();
    breaker.runCallback(() => {}, told);
    await ticked();
    expect(told).not.toHaveBeenCalled();
    injection.end();
    await ticked();
    expect(told).toHaveBeenCalledExactlyOnceWith(expect.any(InjectedFaultError));
    expect(breaker.inFlight).toBe(0);
  });

  test('keeps a program alive that has nothing else to do, until it ends', () => {
    const script = `
      import { createBreaker } from './src/index.ts';
      const breaker = createBreaker({ name: 'x' });
      breaker.inject({ kind: 'hang', durationMs: 300 });
      breaker.run(async () => 1).catch((error) => console.log(error.name));`;
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], { cwd: root, encoding: 'utf8' });
    expect([run.stdout, run.status]).toEqual(['InjectedFaultError\n', 0]);
  });
});

describe('which calls meet it', () => {
  test('a share of them', async () => {
    const { breaker, clock } = bench();
    using injection = breaker.inject({ kind: 'error', share: 0.3 });
    clock.randomValue = 0.3;
    expect(await breaker.run(async () => 1)).toBe(1);
    clock.randomValue = 0.29;
    await failed(breaker.run(async () => 1));
    expect(injection.calls).toBe(1);
  });

  test('of several injections the newest that it meets', async () => {
    const { breaker, clock } = bench();
    using errors = breaker.inject({ kind: 'error' });
    using latency = breaker.inject({ kind: 'latency', latencyMs: 1, share: 0.5 });
    expect(breaker.injections).toEqual([latency, errors]);
    clock.randomValue = 0.7;
    await failed(breaker.run(async () => 1));
    clock.randomValue = 0.2;
    const late = breaker.run(async () => 1);
    await settled();
    clock.advance(1);
    expect(await late).toBe(1);
    expect([errors.calls, latency.calls]).toEqual([1, 1]);
  });

  test('none in mode off, and all in shadow, where they count as ever', async () => {
    const off = bench({ mode: 'off' });
    using _off = off.breaker.inject({ kind: 'error' });
    expect(await off.breaker.run(async () => 1)).toBe(1);
    const shadow = bench({ mode: 'shadow', consecutiveFailures: 1 });
    using _shadow = shadow.breaker.inject({ kind: 'error' });
    expect(await failed(shadow.breaker.run(async () => 1))).toBeInstanceOf(InjectedFaultError);
    expect(shadow.verdicts).toMatchObject([{ to: 'open', injected: true }]);
    expect(await failed(shadow.breaker.run(async () => 1))).toBeInstanceOf(InjectedFaultError);
  });

  test('also while it is closed by force, and not while it is open by force', async () => {
    const { breaker } = bench();
    using injection = breaker.inject({ kind: 'error' });
    breaker.disable();
    expect(await failed(breaker.run(async () => 1))).toBeInstanceOf(InjectedFaultError);
    breaker.forceOpen();
    expect(await failed(breaker.run(async () => 1))).toMatchObject({ code: 'EBREAKEROPEN' });
    expect(injection.calls).toBe(1);
  });

  test('a permit that is asked for without faults, or only for errors, is as any other', () => {
    const { breaker } = bench();
    using hang = breaker.inject({ kind: 'hang' });
    expect(breaker.tryAcquire()).toMatchObject({ injection: undefined });
    expect(breaker.tryAcquire({ faults: 'none' })).toMatchObject({ injection: undefined });
    expect(hang.calls).toBe(0);
    expect(breaker.tryAcquire({ faults: 'all' })).toMatchObject({ injection: hang });
    using _ = breaker.inject({ kind: 'error' });
    expect(breaker.tryAcquire({ faults: 'none' })).toMatchObject({ injection: undefined });
    expect(breaker.tryAcquire()).toBeUndefined();
  });

  test('and all go as ever after a reset and a ramp, once it has ended', async () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1, open: { durationMs: 100 }, halfOpen: { permits: 1, rampUpMs: 1_000 } });
    const injection = breaker.inject({ kind: 'error' });
    breaker.reset();
    await failed(breaker.run(async () => 1));
    clock.advance(100);
    injection.end();
    await breaker.run(async () => 1);
    clock.advance(1_000);
    for (let call = 0; call < 20; call += 1) expect(await breaker.run(async () => call)).toBe(call);
    expect(breaker.state).toBe('closed');
  });
});

describe('an injection', () => {
  test('lasts a minute unless told otherwise, counted to the very end, timer or not', async () => {
    const { breaker, clock } = bench();
    const injection = breaker.inject({ kind: 'error' });
    clock.skip(59_999);
    await failed(breaker.run(async () => 1));
    clock.skip(1);
    expect(await breaker.run(async () => 1)).toBe(1);
    clock.advance(0);
    expect([injection.over, breaker.injected, injection.breakers]).toEqual([true, false, []]);
  });

  test('whose timer is late lets nobody go within the call that finds it over', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1 });
    breaker.inject({ kind: 'latency', latencyMs: 50_000, durationMs: 1_000 });
    const begun: string[] = [];
    const call = (name: string): void =>
      breaker.runCallback(
        (callback) => {
          begun.push(name);
          callback(new Error('down'));
        },
        () => {},
      );
    call('held');
    clock.skip(1_000);
    const permit = breaker.tryAcquire();
    expect([begun, breaker.state, permit?.state]).toEqual([[], 'closed', expect.objectContaining({ kind: 'closed' })]);
    clock.advance(0);
    expect([begun, breaker.state]).toEqual([['held'], 'open']);
  });

  test('shows in the snapshot', () => {
    const { breaker } = bench();
    expect(breaker.snapshot().injected).toBe(false);
    using _ = breaker.inject({ kind: 'error' });
    expect(breaker.snapshot().injected).toBe(true);
  });

  test.each([
    [{ kind: 'eror' }, 'kind is "eror"; allowed: one of error, latency, hang (did you mean error?)'],
    [{ kind: 'error', share: 0 }, 'share is 0; allowed: a number over 0 and at most 1'],
    [{ kind: 'latency' }, 'latencyMs is undefined; allowed: a time in ms: kind is latency'],
    [{ kind: 'hang', latencyMs: 5 }, 'latencyMs is 5; allowed: nothing here: kind is hang'],
    [{ kind: 'hang', durationMs: 3_600_001 }, 'durationMs is 3600001; allowed: a time in ms over 0 and at most 3600000'],
    [{ kind: 'hang', error: { code: 'X' } }, 'error is {"code":"X"}; allowed: nothing here: kind is hang'],
    [{ kind: 'error', error: { code: 'a b' } }, 'error.code is "a b"; allowed: at most 64 letters'],
    [{ kind: 'error', until: 5 }, 'until is 5; allowed: no such key'],
  ])('is refused as %o', (options, message) => {
    const { breaker } = bench();
    expect(() => breaker.inject(options as never)).toThrow(message);
    expect(breaker.injected).toBe(false);
  });

  test.each([
    [{ NODE_ENV: 'production' }, 'NODE_ENV=production'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'service.name=x, deployment.environment.name=eu-prod' }, 'deployment.environment.name=eu-prod'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=PRODUCTION' }, 'deployment.environment=PRODUCTION'],
  ])('is refused in production, as %o says, unless it is allowed', (env, by) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const { breaker } = bench();
    expect(() => breaker.inject({ kind: 'error' })).toThrow(`no faults are injected in production (${by}); OTEL_BREAKER_ALLOW_FAULTS=true or`);
    breaker.inject({ kind: 'error', allowInProduction: true }).end();
    vi.stubEnv('OTEL_BREAKER_ALLOW_FAULTS', 'true');
    breaker.inject({ kind: 'error' }).end();
  });

  test.each(['development', 'pre-production', 'non-prod', 'product-catalog', ''])('is not refused in %s', (environment) => {
    vi.stubEnv('NODE_ENV', environment);
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', `deployment.environment.name=${environment}`);
    bench().breaker.inject({ kind: 'error' }).end();
  });
});

describe('policies around it', () => {
  test('an injected error is retried, and a fallback stands in for it', async () => {
    const { breaker, clock } = bench();
    const injection = breaker.inject({ kind: 'error' });
    const fn = vi.fn(async () => 'answer');
    const guarded = protect(fn, { breaker, idempotent: true, retry: { attempts: 2, backoffMs: 10, jitter: 'none' }, fallback: { value: 'instead' } });
    const first = guarded();
    await settled();
    clock.advance(10);
    expect(await first).toBe('instead');
    expect([injection.calls, fn.mock.calls.length]).toEqual([2, 0]);
    const second = guarded();
    await settled();
    injection.end();
    clock.advance(10);
    expect(await second).toBe('answer');
  });

  test('a hang that has ended is retried as well', async () => {
    const { breaker, clock } = bench();
    const injection = breaker.inject({ kind: 'hang' });
    const guarded = protect(async () => 'answer', { breaker, idempotent: true, retry: { attempts: 2, backoffMs: 10, jitter: 'none' } });
    const call = guarded();
    await settled();
    injection.end();
    await settled();
    clock.advance(10);
    expect(await call).toBe('answer');
  });

  test('classify does not keep it from being retried', async () => {
    const { breaker, clock } = bench();
    using injection = breaker.inject({ kind: 'error' });
    const guarded = protect(async () => 'answer', {
      breaker,
      classify: () => 'ignored',
      idempotent: true,
      retry: { attempts: 2, backoffMs: 10, jitter: 'none' },
    });
    const call = failed(guarded());
    await settled();
    clock.advance(10);
    await call;
    expect(injection.calls).toBe(2);
  });
});
