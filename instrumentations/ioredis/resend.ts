import type { ClientState } from './client-state.ts';
import { type Admission, settleValue } from './settle.ts';
import type { CommandLike } from './types.ts';

/**
 * A script that the server did not know. ioredis sends it again with its source, as a new command, in a later microtask:
 * the same logical call, hence under the same admission.
 */
export interface Resend {
  /** What the new command has in common with the old one. */
  readonly key: unknown;
  /** `undefined` within a pipeline, whose own admission covers it. */
  readonly admission: Admission | undefined;
}

/** Whether a command of `defineCommand` failed in such a way that it is sent again; then its admission waits for that. */
export function expectResend(state: ClientState, command: CommandLike, error: unknown, admission: Admission | undefined): boolean {
  if (!String((error as Error | undefined)?.message).startsWith('NOSCRIPT')) return false;
  const key = scriptKey(command);
  if (key === undefined) return false;
  const resend = { key, admission };
  state.resends.push(resend);
  setImmediate(() => {
    const index = state.resends.indexOf(resend);
    if (index < 0) return;
    state.resends.splice(index, 1);
    // It did not come: the server has answered, and that is that.
    if (admission !== undefined) settleValue(admission, undefined);
  });
  return true;
}

/** The resend that a command is, if any; it is expected no longer. */
export function takeResend(state: ClientState, command: CommandLike): Resend | undefined {
  const key = command.name === 'eval' ? 'eval' : scriptKey(command);
  const index = state.resends.findIndex((each) => each.key === key || each.key === command.constructor);
  return index < 0 ? undefined : state.resends.splice(index, 1)[0];
}

/** Of the last command that was no script's: nearly all are of one class. */
let plain: object | undefined;

/** 5.x gives each script a subclass of Command that writes itself; 4.x marks the command and resends by plain EVAL. */
export function scriptKey(command: CommandLike): unknown {
  if (command.isCustomCommand === true) return 'eval';
  const prototype: object = Object.getPrototypeOf(command);
  if (prototype === plain) return undefined;
  const parent: object | null = Object.getPrototypeOf(prototype);
  if (Object.hasOwn(prototype, 'toWritable') && parent !== null && 'toWritable' in parent) return command.constructor;
  plain = prototype;
  return undefined;
}
