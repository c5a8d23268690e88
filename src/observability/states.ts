import { is } from './prometheus-names.ts';
import { type By, max, type Queries } from './queries.ts';

/** The states in the order of how much they should worry; the place is the number that panels show. */
export const stateCodes = [
  { state: 'closed', text: 'Closed', color: 'green' },
  { state: 'shadow', text: 'Shadow', color: 'purple' },
  { state: 'disabled', text: 'Disabled', color: 'text' },
  { state: 'half_open', text: 'Half-open', color: 'yellow' },
  { state: 'open', text: 'Open', color: 'red' },
  { state: 'forced_open', text: 'Forced open', color: 'dark-red' },
] as const;

/** The state as a number; the worst one where several instances fall into one group. */
export function stateCode(queries: Queries, by: readonly By[]): string {
  const weighted = stateCodes.map(({ state }, code) => `${queries.series('status', is('state', state))} * ${code}`);
  return max(by, weighted.join(' or '));
}

/** Grafana's mapping of those numbers to words and colours. */
export const stateMappings = [
  { type: 'value', options: Object.fromEntries(stateCodes.map(({ text, color }, index) => [String(index), { text, color, index }])) },
] as const;
