import type { StateName } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import type { Named } from './transition-attributes.ts';

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
    made = describe(breaker);
    known.set(breaker, made);
  }
  return made;
}

function describe({ name, target }: Described): Named {
  const made: Named = { 'breaker.name': name };
  // The conventions have db.system.name for databases only; an HTTP upstream is told by its address.
  if (target?.system !== undefined && target.system !== 'http') made['db.system.name'] = target.system;
  if (target?.address !== undefined) made['server.address'] = target.address;
  if (target?.port !== undefined) made['server.port'] = target.port;
  if (target?.operation !== undefined) made['breaker.operation'] = target.operation;
  return made;
}

/** States in which calls are refused: together they make an outage. */
export function isRefusing(state: StateName): boolean {
  return state === 'open' || state === 'half_open' || state === 'forced_open';
}
