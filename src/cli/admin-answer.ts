import type { AdminAnswer, AdminChange, AdminState } from '../management/wire.ts';
import type { Io } from './io.ts';
import { printable, type Style } from './style.ts';

/** Says what has changed: a line for each breaker, or all of it as JSON. */
export function tellChanges(
  io: Io,
  style: Style,
  json: boolean,
  asked: readonly string[],
  answers: readonly AdminAnswer[],
  /** Of one that has not changed. */
  unchanged: (name: string) => string = () => 'was so already',
): void {
  const changes = answers.flatMap((answer) => answer.changes);
  if (json) {
    io.out(`${JSON.stringify({ actor: answers[0]?.actor, action: answers[0]?.action, breakers: asked, changes })}\n`);
    return;
  }
  for (const change of changes) io.out(`${line(change, style)}\n`);
  for (const name of asked) if (!changes.some(({ breaker }) => breaker === name)) io.out(`${printable(name)}: ${style('dim', unchanged(name))}\n`);
}

function line({ breaker, before, after }: AdminChange, style: Style): string {
  return `${printable(breaker)}: ${said(before, after)} -> ${style('bold', said(after, before))}`;
}

/** The state, and the mode where it differs between the two; or how calls are served, where only that does. */
function said(one: AdminState, other: AdminState): string {
  if (one.degraded !== other.degraded && one.state === other.state && one.mode === other.mode) return one.degraded ?? 'served as ever';
  if (one.mode === other.mode) return one.state;
  return one.state === other.state ? `mode ${one.mode}` : `${one.state} (mode ${one.mode})`;
}
