import type { StateName } from '../core/errors.ts';

/**
 * Every legal move. The public states, and in shadow mode the machine that runs beside the traffic, obey the same table
 * (source: resilience4j `StateTransition`). Leaving shadow takes the state that the machine was in.
 */
export const transitions: Readonly<Record<StateName, readonly StateName[]>> = {
  closed: ['open', 'forced_open', 'disabled', 'shadow'],
  open: ['half_open', 'closed', 'forced_open', 'disabled', 'shadow'],
  half_open: ['closed', 'open', 'forced_open', 'disabled', 'shadow'],
  forced_open: ['closed', 'disabled', 'shadow'],
  disabled: ['closed', 'forced_open', 'shadow'],
  shadow: ['closed', 'open', 'half_open', 'forced_open', 'disabled'],
};

/** Whether the table has the move. A move to the present state is none. */
export function isLegal(from: StateName, to: StateName): boolean {
  return transitions[from].includes(to);
}
