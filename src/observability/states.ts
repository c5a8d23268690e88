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

interface Code {
  readonly text: string;
  readonly color: string;
}

function mappingsOf(codes: readonly Code[]) {
  return [{ type: 'value', options: Object.fromEntries(codes.map(({ text, color }, index) => [String(index), { text, color, index }])) }] as const;
}

/** Grafana's mapping of those numbers to words and colours. */
export const stateMappings = mappingsOf(stateCodes);

/** The states of a system, in the same manner. */
const healthCodes = [
  { state: 'healthy', text: 'Healthy', color: 'green' },
  { state: 'degraded', text: 'Degraded', color: 'yellow' },
  { state: 'critical', text: 'Critical', color: 'red' },
  { state: 'emergency', text: 'Emergency', color: 'dark-red' },
] as const;

/** What checks come to. */
const checkCodes = [
  { status: 'up', text: 'Up', color: 'green' },
  { status: 'unknown', text: 'Unknown', color: 'text' },
  { status: 'down', text: 'Down', color: 'red' },
] as const;

export const healthMappings = mappingsOf(healthCodes);
export const checkMappings = mappingsOf(checkCodes);

export function healthCode(queries: Queries, by: readonly By[]): string {
  return max(by, healthCodes.map(({ state }, code) => `${queries.series('healthStatus', is('healthState', state))} * ${code}`).join(' or '));
}

export function checkCode(queries: Queries, by: readonly By[]): string {
  return max(by, checkCodes.map(({ status }, code) => `${queries.series('checkStatus', is('checkStatus', status))} * ${code}`).join(' or '));
}
