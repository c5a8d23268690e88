import type { AttributeValue } from '@opentelemetry/api';
import type { StateName } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import type { attributes as a } from './names.ts';

/**
 * Attributes by names that are written out, which the compiler holds against `names.ts`. What an event needs once is made as
 * a literal and added to: adding to a spread copy takes V8 a hundred times as long, names out of a variable several times.
 */
export type Named = { [Name in (typeof a)[keyof typeof a]]?: AttributeValue };

/** A breaker, as far as attributes tell of it. `target` is optional: the tracer's view of a breaker may lack it. */
export interface Described {
  readonly name: string;
  readonly target?: Target;
}

const known = new WeakMap<Described, Named>();

/** `breaker.name` and, where known, what it protects; made once per breaker. */
export function targetAttributesOf(breaker: Described): Named {
  let made = known.get(breaker);
  if (made === undefined) {
    made = { 'breaker.name': breaker.name };
    addTarget(made, breaker);
    known.set(breaker, made);
  }
  return made;
}

/** Adds what a breaker protects, where that is known. */
export function addTarget(made: Named, { target }: Described): void {
  if (target === undefined) return;
  // The conventions have db.system.name for databases only; an HTTP upstream is told by its address.
  if (target.system !== undefined && target.system !== 'http') made['db.system.name'] = target.system;
  if (target.address !== undefined) made['server.address'] = target.address;
  if (target.port !== undefined) made['server.port'] = target.port;
  if (target.operation !== undefined) made['breaker.operation'] = target.operation;
}

/** States in which calls are refused: together they make an outage. */
export function isRefusing(state: StateName): boolean {
  return state === 'open' || state === 'half_open' || state === 'forced_open';
}
