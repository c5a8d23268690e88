import type { BreakerView, StateView, TransitionView } from '../../wire.ts';

export const stateNames: Readonly<Record<StateView, string>> = {
  closed: 'Closed',
  open: 'Open',
  half_open: 'Half-open',
  forced_open: 'Forced open',
  disabled: 'Forced closed',
  shadow: 'Shadow',
};

/** A shape for each: colour alone tells some people nothing. */
export const stateShapes: Readonly<Record<StateView, string>> = {
  closed: '●',
  open: '■',
  half_open: '◐',
  forced_open: '◆',
  disabled: '○',
  shadow: '◌',
};

export const triggerNames: Readonly<Record<string, string>> = {
  failure_ratio: 'failure ratio',
  failure_count: 'number of failures',
  consecutive_failures: 'failures in a row',
  slow_ratio: 'ratio of slow calls',
  stall: 'calls without an answer',
  connection: 'connection',
  open_elapsed: 'open time is over',
  probes_succeeded: 'probes succeeded',
  probes_failed: 'probes failed',
  probe_lease: 'no probe in time',
  ramp_up_failed: 'failures while ramping up',
  manual: 'by hand',
  config: 'configuration',
};

export function length(ms: number): string {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** Without tenths: for what would flicker otherwise. */
export function age(ms: number): string {
  return ms < 10_000 ? `${Math.floor(Math.max(0, ms) / 1_000)} s` : length(ms);
}

export function percent(ratio: number): string {
  const value = ratio * 100;
  return `${value > 0 && value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value)} %`;
}

export function count(value: number): string {
  if (value < 10_000) return String(value);
  return value < 1_000_000 ? `${(value / 1_000).toFixed(value < 100_000 ? 1 : 0)} k` : `${(value / 1_000_000).toFixed(1)} M`;
}

export function sum(counts: Readonly<Record<string, number>> = {}): number {
  return Object.values(counts).reduce((total, each) => total + each, 0);
}

export function clockTime(at: string): string {
  return new Date(at).toLocaleTimeString(undefined, { hour12: false });
}

export function trigger(name: string): string {
  return triggerNames[name] ?? name.replaceAll('_', ' ');
}

/** Why, as far as it is known: `failure ratio 62 % of 50 %, ECONNREFUSED`. */
export function why({
  trigger: name,
  value,
  limit,
  errorType,
  reason,
}: Pick<TransitionView, 'trigger' | 'value' | 'limit' | 'errorType' | 'reason'>): string {
  const isRatio = name.endsWith('_ratio');
  const show = (each: number): string => (isRatio ? percent(each) : String(Math.round(each * 10) / 10));
  const measured = value === undefined || name === 'connection' ? '' : ` ${show(value)}${limit === undefined ? '' : ` (limit ${show(limit)})`}`;
  return [`${trigger(name)}${measured}`, errorType, reason].filter((part) => part !== undefined && part !== '').join(', ');
}

/** `redis 127.0.0.1:6379 read`: the parts of a name that tell circuits apart. */
export function nameParts({ name }: Pick<BreakerView, 'name'>): { readonly scheme: string; readonly rest: string; readonly operation: string } {
  const [, scheme = '', rest = name, operation = ''] = /^(?:([a-z]+):\/\/)?(\S+)(?: (.+))?$/i.exec(name) ?? [];
  return { scheme, rest, operation };
}

/** What a switch of the state sounds like. */
export function spoken({ breaker, from, to, shadow, ...rest }: TransitionView): string {
  return `${breaker}: ${stateNames[from]} to ${stateNames[to]}${shadow ? ' (shadow, nothing is refused)' : ''}, ${why(rest)}`;
}
