import type { AdminAnswer, BreakerAction, ModeView, ReloadAnswer } from '../../wire.ts';
import { ApiError, act } from './api.ts';
import { askToken, confirm } from './dialogs.ts';
import { note } from './notes.ts';
import { token } from './token.ts';

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

export async function unlock(text?: string): Promise<boolean> {
  const there = await askToken(text);
  tokenChanged.dispatchEvent(new Event('change'));
  return there;
}

export function lock(): void {
  token.set(undefined);
  tokenChanged.dispatchEvent(new Event('change'));
}

export async function control(action: BreakerAction, breaker: string): Promise<void> {
  const { label, text, harmless } = actions[action];
  await run(
    { title: `${label}: ${breaker}`, label, text, harmless: harmless === true },
    `/admin/circuit-breakers/${encodeURIComponent(breaker)}/${action}`,
  );
}

export async function recover(): Promise<void> {
  const text = 'Every open circuit lets probes out now, before its open time is over.';
  await run({ title: 'Probe now', label: 'Probe now', text, harmless: false }, '/admin/resilience/force-recovery');
}

const modeTexts: Readonly<Record<ModeView | 'configured', string>> = {
  enforce: 'Every circuit refuses calls when it is open, whatever the configuration says.',
  shadow: 'Every circuit goes on deciding, but none refuses anything.',
  off: 'No circuit counts or refuses anything.',
  configured: 'Every circuit is in the mode that the configuration gives it, again.',
};

export async function setMode(mode: ModeView | 'configured'): Promise<void> {
  const label = mode === 'configured' ? 'As configured' : `Mode ${mode}`;
  await run({ title: `${label}: all circuits`, label, text: modeTexts[mode], harmless: false }, '/admin/resilience/mode', { mode });
}

export async function reload(): Promise<void> {
  await run({ title: 'Reload', label: 'Reload', text: '', harmless: true }, '/admin/config/reload');
}

async function run(what: Required<Action> & { title: string }, path: string, body: object = {}): Promise<void> {
  if (token.get() === undefined && !(await unlock())) return;
  const reason = what.harmless ? '' : await confirm({ title: what.title, text: what.text, verb: what.label, harm: true });
  if (reason === undefined) return;
  try {
    const answer = await act<AdminAnswer | ReloadAnswer>(path, { ...body, ...(reason !== '' && { reason }) });
    note('good', said(what.label, answer));
  } catch (error) {
    note('bad', `${what.label}: ${error instanceof Error ? error.message : String(error)}`);
    // It is the wrong one: ask anew the next time.
    if (error instanceof ApiError && error.status === 401) lock();
  }
}

function said(label: string, answer: AdminAnswer | ReloadAnswer): string {
  if ('applied' in answer)
    return answer.changes.length === 0 ? 'Configuration read: nothing has changed' : `Configuration: ${answer.changes.join('; ')}`;
  const { changes } = answer;
  if (changes.length === 1) return `${label}: done, by ${answer.actor}`;
  return changes.length === 0 ? `${label}: it was so already` : `${label}: ${changes.length} circuits changed, by ${answer.actor}`;
}
