import type { Context } from '@opentelemetry/api';
import { ROOT_CONTEXT } from './api.ts';
import { type Registered, registered } from './slots.ts';

/** The same object for the life of the process; what is in it comes and goes. */
let slots: Registered | undefined;

/** The same as `context.active()`, which checks versions each time: this is asked for every call. */
export function activeContext(): Context {
  slots ??= registered();
  return slots?.context?.active() ?? ROOT_CONTEXT;
}
