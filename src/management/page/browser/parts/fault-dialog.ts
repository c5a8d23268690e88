import type { BreakerView } from '../../../wire.ts';
import { confirm } from './actions.ts';
import { select, type Values } from './dialogs.ts';
import { h } from './dom.ts';

const kinds = [
  ['error', 'error: calls fail at once'],
  ['latency', 'latency: calls take longer'],
  ['hang', 'hang: calls are never answered'],
] as const;
const lengths = [
  ['60000', '1 minute'],
  ['300000', '5 minutes'],
  ['900000', '15 minutes'],
  ['3600000', '1 hour'],
] as const;

const path = '/admin/faults';

/** Injects faults into a circuit on purpose, or ends that. */
export async function askFault({ name, injected }: BreakerView): Promise<void> {
  if (injected) {
    await stopFaults(name);
    return;
  }
  const number = (props: Record<string, string | number>) => h('input', { type: 'number', required: true, inputmode: 'numeric', ...props });
  const fields = {
    kind: { label: 'What', field: select(kinds) },
    share: { label: 'Share of calls, in %', field: number({ min: 1, max: 100, value: 20 }) },
    latencyMs: { label: 'Longer by, in ms (latency only)', field: number({ min: 1, max: 600_000, value: 500 }) },
    durationMs: { label: 'Ends by itself after', field: select(lengths) },
  };
  const text = 'Real calls of this service are spoiled on purpose, and its circuit may open. Everything that tells of it says that it is injected.';
  const note = ({ kind, share }: Values): string =>
    `${share} % of the calls ${kind === 'error' ? 'will fail' : kind === 'hang' ? 'will hang' : 'will be slow'}, in production too if this is it.`;
  await confirm({ title: `Inject faults: ${name}`, text, verb: 'Inject faults', fields, note }, path, (values) => ({
    breaker: name,
    kind: values['kind'],
    share: Number(values['share']) / 100,
    durationMs: Number(values['durationMs']),
    ...(values['kind'] === 'latency' && { latencyMs: Number(values['latencyMs']) }),
  }));
}

/** @param breaker all of them without it */
export async function stopFaults(breaker?: string): Promise<void> {
  const title = breaker === undefined ? 'Stop all faults' : `Stop faults: ${breaker}`;
  const text = 'Nothing is injected any more. Calls that a fault keeps waiting are answered.';
  await confirm({ title, text, verb: 'Stop faults', harm: false }, path, () => ({ ...(breaker !== undefined && { breaker }), kind: 'off' }));
}
