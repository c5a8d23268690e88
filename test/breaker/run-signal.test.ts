import { describe, expect, test } from 'vitest';
import { Boom, bench, nextTurn, outcomes } from './harness.ts';

describe('the signal of the caller', () => {
  test('is handed to the function', async () => {
    const { breaker } = bench();
    const { signal } = new AbortController();
    await breaker.run((context) => expect(context.signal).toBe(signal), { signal });
    await breaker.run((context) => expect(context.signal).toBeUndefined());
  });

  test('aborted already: the call is not made, and counts nowhere', async () => {
    const made = bench();
    const reason = new Error('too late');
    await expect(made.breaker.run(() => 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(outcomes(made)).toEqual([]);
    expect(made.breaker.inFlight).toBe(0);
  });

  const fetchLike = (signal: AbortSignal | undefined): Promise<never> =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));

  test('aborted during the call: cancelled, never a failure', async () => {
    const made = bench({ consecutiveFailures: 1 });
    const controller = new AbortController();
    const call = made.breaker.run(({ signal }) => fetchLike(signal), { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    expect(outcomes(made)).toEqual(['cancelled']);
    expect(made.breaker.state).toBe('closed');
  });

  test.each([
    ['the reason itself', (reason: unknown) => reason],
    ['an error with the reason as its cause', (reason: unknown) => new Error('aborted', { cause: reason })],
    ["a library's own AbortError", () => Object.assign(new Error('aborted'), { name: 'AbortError' })],
  ])('a call that ends by it with %s is cancelled', async (_, made) => {
    const subject = bench();
    const controller = new AbortController();
    const call = subject.breaker.run(() => Promise.reject(made(controller.signal.reason)), { signal: controller.signal });
    // The function has rejected already; the verdict comes a turn later, when the signal has fired.
    controller.abort(new Error('no longer wanted'));
    await call.catch(() => undefined);
    const second = new AbortController();
    const other = subject.breaker.run(
      async () => {
        second.abort(new Error('no longer wanted'));
        throw made(second.signal.reason);
      },
      { signal: second.signal },
    );
    await other.catch(() => undefined);
    expect(outcomes(subject).at(-1)).toBe('cancelled');
  });

  test('a failure of the dependency is one, though the signal was aborted meanwhile', async () => {
    const made = bench();
    const controller = new AbortController();
    const call = made.breaker.run(
      async () => {
        controller.abort();
        throw new Boom();
      },
      { signal: controller.signal },
    );
    await call.catch(() => undefined);
    expect(outcomes(made)).toEqual(['failure']);
  });

  test('a time-out (AbortSignal.timeout) is a failure: the caller would have waited', async () => {
    const made = bench();
    const controller = new AbortController();
    const call = made.breaker.run(({ signal }) => fetchLike(signal), { signal: controller.signal });
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
    await call.catch(() => undefined);
    expect(outcomes(made)).toEqual(['failure']);
  });

  test('one call cancelled leaves the others alone', async () => {
    const made = bench();
    const controller = new AbortController();
    const cancelled = made.breaker.run(({ signal }) => fetchLike(signal), { signal: controller.signal });
    const other = made.breaker.run(() => nextTurn().then(() => 'fine'));
    controller.abort();
    await cancelled.catch(() => undefined);
    await expect(other).resolves.toBe('fine');
    expect(outcomes(made)).toEqual(['cancelled', 'success']);
  });
});
