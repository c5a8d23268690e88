import type { ResolvedOptions } from '../../core/options.ts';
import { CountWindow } from './count-window.ts';
import { TimeWindow } from './time-window.ts';
import type { Window } from './window.ts';

/** A window as the options say; goes on with what `before` holds where its shape allows. */
export function createWindow(options: ResolvedOptions['window'], now: number, before?: Window): Window {
  if (options.type === 'count') {
    if (!(before instanceof CountWindow)) return new CountWindow(options.size);
    return before.size === options.size ? before : before.resized(options.size);
  }
  const same = before instanceof TimeWindow && before.durationMs === options.durationMs && before.buckets === options.buckets;
  return same ? before : new TimeWindow(options.durationMs, options.buckets, now);
}
