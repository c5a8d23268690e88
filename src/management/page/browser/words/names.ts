import type { BreakerView, StateView, TransitionView } from '../../../wire.ts';
import { duration, percent } from './format.ts';

export const states = ['closed', 'half_open', 'open', 'forced_open', 'disabled', 'shadow'] as const satisfies readonly StateView[];

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

/** Nobody has forced anything where the configuration switches it off. */
export function stateName({ state, mode }: Pick<BreakerView, 'state' | 'mode'>): string {
  return state === 'disabled' && mode === 'off' ? 'Off' : stateNames[state];
}

const triggerNames: Readonly<Record<string, string>> = {
  failure_ratio: 'failure ratio',
  failure_count: 'number of failures',
  consecutive_failures: 'failures in a row',
  slow_ratio: 'share of slow calls',
  stall: 'calls wait and nothing succeeds',
  connection: 'connection refused or lost',
  open_elapsed: 'open time is over',
  probes_succeeded: 'probes succeeded',
  probes_failed: 'probes failed',
  probe_lease: 'no probe came back in time',
  ramp_up_failed: 'failures while ramping up',
  manual: 'by hand',
  config: 'configuration',
};

type Cause = Pick<TransitionView, 'trigger' | 'value' | 'limit' | 'errorType' | 'reason'> & { readonly to?: StateView };

/** Why, as far as it is known: `failure ratio 62 % (limit 50 %), ECONNREFUSED`. */
export function why({ trigger, to, value, limit, errorType, reason }: Cause): string {
  const name =
    trigger === 'connection' && to !== undefined && to !== 'open' ? 'connection is back' : (triggerNames[trigger] ?? trigger.replaceAll('_', ' '));
  const said = trigger === 'manual' && reason !== undefined ? reason : [name + measured(trigger, value, limit), reason].filter(Boolean).join(', ');
  return errorType === undefined ? said : `${said}, ${errorType}`;
}

function measured(trigger: string, value: number | undefined, limit: number | undefined): string {
  if (value === undefined || trigger === 'connection') return '';
  const show = (each: number): string => {
    if (trigger.endsWith('_ratio') || trigger === 'probes_failed') return percent(each);
    return trigger === 'stall' ? duration(each) : String(Math.round(each * 10) / 10);
  };
  return ` ${show(value)}${limit === undefined ? '' : ` (limit ${show(limit)})`}`;
}

/** `redis://`, `10.0.0.5:6379`, ` read`: the parts of a name that tell circuits apart; together they are the name. */
export function nameParts(name: string): { readonly scheme: string; readonly rest: string; readonly operation: string } {
  const [, scheme = '', rest = name, operation = ''] = /^([a-z]+:\/\/)(\S+)( .+)?$/is.exec(name) ?? [];
  return { scheme, rest, operation };
}

/** What a switch of the state sounds like. */
export function spoken({ breaker, from, to, shadow, ...rest }: TransitionView): string {
  return `${breaker}: ${stateNames[from]} to ${stateNames[to]}${shadow ? ' (shadow, nothing is refused)' : ''}, ${why({ ...rest, to })}`;
}

export const systemNames = { healthy: 'Healthy', degraded: 'Degraded', critical: 'Critical', emergency: 'Emergency' } as const;
export const systemShapes = { healthy: '●', degraded: '▲', critical: '■', emergency: '■' } as const;
