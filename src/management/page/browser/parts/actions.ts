import type { AdminAnswer, BreakerAction, BreakerView, ReloadAnswer } from '../../../wire.ts';
import { ApiError, act } from '../server/api.ts';
import { token } from '../server/token.ts';
import { count, length, plural } from '../words/format.ts';
import { stateName } from '../words/names.ts';
import { ask, askToken, type Form, reasonField, type Values } from './dialogs.ts';
import { note } from './notes.ts';

interface Action {
  readonly label: string;
  /** What it does, in one sentence: the button's description, and the question. */
  readonly text: string;
  /** Done without a question: nothing gets worse by it. */
  readonly harmless?: boolean;
}

export const actions: Readonly<Record<BreakerAction, Action>> = {
  'force-open': { label: 'Force open', text: 'Every call is refused at once until it is released.' },
  'force-closed': {
    label: 'Force closed',
    text: 'Every call goes through, and nothing protects callers from a dead dependency, until it is released.',
  },
  shadow: { label: 'Shadow', text: 'The circuit goes on deciding, but refuses nothing until it is released.' },
  reset: { label: 'Reset', text: 'The circuit closes and forgets what it has seen: all callers call the dependency again at once.' },
  release: { label: 'Release', text: 'Gives control back to the circuit.', harmless: true },
};

/** Whoever shows buttons hears when a token comes or goes. */
export const tokenChanged = new EventTarget();

const kept = 'It is the secret part of OTEL_BREAKER_ADMIN_TOKEN, and is kept in this tab only.';

/** @returns whether there is a token now */
export async function unlock(text = kept, error?: string): Promise<boolean> {
  const there = await askToken(text, error);
  tokenChanged.dispatchEvent(new Event('change'));
  return there;
}

export function lock(): void {
  token.set(undefined);
  tokenChanged.dispatchEvent(new Event('change'));
}

export async function control(action: BreakerAction, view: BreakerView): Promise<void> {
  const { label, text, harmless } = actions[action];
  const path = `/admin/circuit-breakers/${encodeURIComponent(view.name)}/${action}`;
  if (harmless === true) await perform(label, path, {});
  else await confirm({ title: `${label}: ${view.name}`, text, impact: standing(view), verb: label }, path);
}

function standing(view: BreakerView): string {
  const served = view.retryAfterMs === undefined ? '' : `; probes by itself in ${length(view.retryAfterMs)}`;
  return `Now: ${stateName(view).toLowerCase()} for ${length(view.sinceMs)}, ${plural(view.inFlight, 'call')} in flight${served}.`;
}

export async function recover(): Promise<void> {
  const text = 'Every open circuit lets probes out now, before its open time is over.';
  await confirm({ title: 'Probe now', text, verb: 'Probe now', harm: false }, '/admin/resilience/force-recovery');
}

export async function reload(): Promise<void> {
  await perform('Reload', '/admin/config/reload', {});
}

/** Asks, with a reason for the record, and does it. */
export async function confirm(
  form: Omit<Form, 'fields'> & Partial<Pick<Form, 'fields'>>,
  path: string,
  body: (values: Values) => object = () => ({}),
): Promise<void> {
  // Who is not known is not asked twice.
  if (token.get() === undefined && !(await unlock())) return;
  const { fields = {} } = form;
  const values = await ask({ harm: true, ...form, fields: { ...fields, reason: reasonField() } });
  if (values === undefined) return;
  const reason = values['reason'] ?? '';
  await perform(form.verb, path, { ...body(values), ...(reason !== '' && { reason }) });
}

/** Does it, and says what came of it. */
export async function perform(label: string, path: string, body: object): Promise<void> {
  if (token.get() === undefined && !(await unlock())) return;
  try {
    note('good', said(label, await act<AdminAnswer | ReloadAnswer>(path, body)));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      lock();
      // It was the wrong one. What somebody has confirmed is not asked again.
      if (await unlock(kept, `${label}: that token is not known to the service.`)) await perform(label, path, body);
      return;
    }
    note('bad', `${label}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function said(label: string, answer: AdminAnswer | ReloadAnswer): string {
  if ('applied' in answer)
    return answer.changes.length === 0 ? 'Configuration read: nothing has changed' : `Configuration: ${answer.changes.join('; ')}`;
  const { changes, action, actor } = answer;
  if (action === 'faults') return `${label}: done, by ${actor}`;
  if (changes.length === 1) return `${label}: done, by ${actor}`;
  return changes.length === 0 ? `${label}: it was so already` : `${label}: ${count(changes.length)} circuits changed, by ${actor}`;
}
