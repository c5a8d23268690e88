import type { Admission } from './admission.ts';
import type { Breaker } from './breaker.ts';
import type { AcquireOptions } from './environment.ts';
import type { RunContext } from './execute.ts';
import type { Held, Injection } from './injection.ts';
import type { Permit } from './permit.ts';

/** What keeps a call from being simply made: its refusal, an injected error, by which it has ended, or another fault. */
export function meet(permit: Permit<Breaker>, admission: Admission): Error | Injection {
  const { injection, breaker } = permit;
  if (injection === undefined) return breaker.rejection();
  injection.met(permit);
  if (injection.kind !== 'error') return injection;
  const error = injection.error(breaker);
  admission.refusal = error;
  permit.injection = undefined;
  // A failure of the dependency's, whatever anybody's `classify` makes of an error that it does not know.
  permit.fail(error);
  return error;
}

/** Whether a call that was not simply let go is to be made all the same, as far as it may meet faults. */
export function goesOn(permit: Permit<Breaker>, admission: Admission, faults: AcquireOptions['faults'] = 'errors'): boolean {
  const { injection } = permit;
  if (injection === undefined) return false;
  if (faults === 'all' || (faults === 'errors' && injection.kind === 'error')) return meet(permit, admission) === injection;
  permit.injection = undefined;
  return true;
}

type Run<T> = (context: RunContext) => T | PromiseLike<T>;

/** A permit whose caller has a promise of its own to be told by. */
interface Answerable {
  reject?(error: unknown): void;
}

/** What is run in the place of a function whose call meets added latency or a hang. */
export function injectedRun<T>(injection: Injection, slot: Permit<Breaker> & Answerable, fn: Run<T>): Run<T> {
  // A slot is used again.
  slot.injection = undefined;
  return injection.kind === 'latency'
    ? (context) => later(injection, context.signal).then(() => fn(context))
    : ({ signal }) => hung(injection, slot, signal);
}

/** Resolves when the latency is over; rejects when the signal fires before that: the function is not called then. */
function later(injection: Injection, signal: AbortSignal | undefined): Promise<void> {
  return untilAborted(signal, (resolve) => injection.delay(resolve));
}

/** Rejects when the injection ends, which proves nothing of the dependency, or with the reason of the signal. */
function hung(injection: Injection, slot: Permit<Breaker> & Answerable, signal: AbortSignal | undefined): Promise<never> {
  return untilAborted<never>(signal, (_resolve, reject) =>
    injection.hold(() => {
      const error = injection.error(slot.breaker);
      slot.ignore(error);
      slot.reject?.(error);
      reject(error);
    }),
  );
}

function untilAborted<T>(signal: AbortSignal | undefined, wait: (resolve: (value: T) => void, reject: (error: unknown) => void) => Held): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const ended = (): void => signal?.removeEventListener('abort', aborted);
    const aborted = (): void => {
      held.drop();
      reject(signal?.reason);
    };
    const held = wait(
      (value) => {
        ended();
        resolve(value);
      },
      (error) => {
        ended();
        reject(error);
      },
    );
    signal?.addEventListener('abort', aborted, { once: true });
  });
}
