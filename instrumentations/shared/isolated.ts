import { reportFault } from '../../src/core/fault.ts';

/** Bookkeeping must not change a call: a fault of ours is reported, and the client goes on as if we were not there. */
export function isolated(what: string, fn: () => void): void {
  try {
    fn();
  } catch (fault) {
    reportFault(fault, what);
  }
}
