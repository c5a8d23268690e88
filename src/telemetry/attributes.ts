import type { Attributes } from '@opentelemetry/api';
import type { StateName } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import { attributes as a } from './names.ts';

/** A breaker, as far as attributes tell of it. `target` is optional: the tracer's view of a breaker may lack it. */
export interface Described {
  readonly name: string;
  readonly target?: Target;
}

const known = new WeakMap<Described, Attributes>();

/** `breaker.name` and, where known, what it protects; made once per breaker. */
export function targetAttributesOf(breaker: Described): Attributes {
  let made = known.get(breaker);
  if (made === undefined) {
    made = describe(breaker);
    known.set(breaker, made);
  }
  return made;
}

function describe({ name, target }: Described): Attributes {
  const made: Attributes = { [a.name]: name };
  // The conventions have db.system.name for databases only; an HTTP upstream is told by its address.
  if (target?.system !== undefined && target.system !== 'http') made[a.dbSystem] = target.system;
  if (target?.address !== undefined) made[a.serverAddress] = target.address;
  if (target?.port !== undefined) made[a.serverPort] = target.port;
  if (target?.operation !== undefined) made[a.operation] = target.operation;
  return made;
}

/** States in which calls are refused: together they make an outage. */
export function isRefusing(state: StateName): boolean {
  return state === 'open' || state === 'half_open' || state === 'forced_open';
}
