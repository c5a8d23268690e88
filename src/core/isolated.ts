import { reportFault } from './fault.ts';

/** Bookkeeping must not change a call: a fault of ours is reported, and the call goes on as if we were not there. */
export function isolated(what: string, fn: () => void): void {
  try {
    fn();
  } catch (fault) {
    reportFault(fault, what);
  }
}
