import type { Breaker } from '../../src/breaker/breaker.ts';
import type { AcquireOptions } from '../../src/breaker/environment.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import { judge, judgeAnswer, type ServerGroup } from '../shared/admission.ts';
import { classifyRedisError } from './classify.ts';
import type { ClientState } from './client-state.ts';

/**
 * An admitted call: what settles it, and where its failure is to be told. Of a class: what an object literal makes, V8 may come to make in the old
 * generation, if the first ones lived long, as they do beside OpenTelemetry while a program starts; and then also the permit in it, for every command.
 */
export class Admission {
  constructor(
    readonly breaker: Breaker,
    /** `undefined` for a call that waits by its nature and must not hold up a half-open circuit: it is judged when it ends. */
    readonly permit: Permit | undefined,
    readonly group: ServerGroup,
    readonly state: ClientState,
  ) {}
}

/** Of calls that heed every injected fault, and of those that nothing may keep from where they are going. */
export const heedsFaults: AcquireOptions = { faults: 'all' };
export const sparesFaults: AcquireOptions = { faults: 'none' };

/** An admission for one call of a class of operation, or the refusal. */
export function admit(
  state: ClientState,
  group: ServerGroup,
  operation: string,
  breaker: Breaker = group.breaker(operation),
  heeds?: AcquireOptions,
): Admission | Error {
  const untimed = operation === 'blocking';
  const permit = untimed ? breaker.tryAcquire({ untimed }) : breaker.tryAcquire(heeds);
  if (permit === undefined) return breaker.rejection();
  if (!untimed || !permit.probe) return new Admission(breaker, permit, group, state);
  // A BLPOP on an idle list would be a probe without an answer, and its lease would open the circuit again.
  permit.ignore();
  return new Admission(breaker, undefined, group, state);
}

function permitOf({ breaker, permit }: Admission): Permit | undefined {
  if (permit !== undefined) return permit;
  return breaker.state === 'open' || breaker.state === 'forced_open' ? undefined : breaker.tryAcquire({ untimed: true, faults: 'none' });
}

/** Settles a call with its error, as the user's `classify` or else the defaults for Redis say. */
export function settleError(admission: Admission, error: unknown): void {
  const { breaker, group, state } = admission;
  const { outcome: byDefault, ofConnection } = classifyRedisError(error);
  const permit = permitOf(admission);
  if (permit === undefined) return;
  const outcome = state.closing && ofConnection ? 'cancelled' : judge(breaker, { ok: false, error }, byDefault);
  if (outcome === 'failure') group.settleWithFault(permit, error, ofConnection);
  else permit.settle(outcome, error);
}

/** Settles a call with its answer. */
export function settleValue(admission: Admission, value: unknown): void {
  permitOf(admission)?.settle(judgeAnswer(admission.breaker, value, 'success'));
}

/** Settles several commands that were admitted as one by the worst of their errors. */
export function settleBatch(admission: Admission, errors: readonly unknown[], value: unknown): void {
  const worst =
    errors.find((error) => classifyRedisError(error).outcome === 'failure') ??
    errors.find((error) => classifyRedisError(error).outcome === 'ignored');
  if (worst === undefined) settleValue(admission, value);
  else settleError(admission, worst);
}
