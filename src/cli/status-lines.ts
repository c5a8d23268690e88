import type { BreakerView, Overview, StateView, SystemState } from '../management/wire.ts';
import { length, percent, sum } from './numbers.ts';
import { clip, printable, type Style, type Tone } from './style.ts';
import { type Cell, type Column, table } from './table.ts';

const tones: Readonly<Record<StateView, Tone | undefined>> = {
  open: 'bad',
  forced_open: 'bad',
  half_open: 'warn',
  disabled: 'warn',
  shadow: undefined,
  closed: 'good',
};
/** The worst first. */
const order: readonly StateView[] = ['open', 'forced_open', 'half_open', 'disabled', 'shadow', 'closed'];
const systemTones: Readonly<Record<SystemState, Tone>> = { healthy: 'good', degraded: 'warn', critical: 'bad', emergency: 'bad' };

const columns: readonly Column[] = [
  { title: 'CIRCUIT', shrinksTo: 24 },
  { title: 'STATE' },
  { title: 'FOR', right: true },
  { title: 'RATIO', right: true, leaves: 5 },
  { title: 'CALLS', right: true, leaves: 2 },
  { title: 'IN FLIGHT', right: true, leaves: 1 },
  { title: 'REFUSED', right: true, leaves: 4 },
  { title: 'NEXT PROBE', right: true, leaves: 3 },
  { title: 'WHY', shrinksTo: 12, leaves: 6 },
];

/** What a person on call wants to know, a line each. */
export function statusLines(overview: Overview, style: Style, width?: number): string[] {
  const { service, pid, mode, system, breakers, alerts, adminEnabled, degraded } = overview;
  const head = [
    style('bold', printable(service)),
    `pid ${pid}`,
    style(systemTones[system.state] ?? 'warn', system.state),
    `mode ${mode}`,
    `${breakers.length} ${breakers.length === 1 ? 'circuit' : 'circuits'}`,
    ...(degraded === undefined ? [] : [style('warn', `calls served ${degraded.mode} by ${degraded.by}`)]),
    ...(adminEnabled ? [] : [style('dim', 'no control: no token set')]),
  ];
  const firing = alerts.filter(({ state }) => state === 'firing');
  return [
    head.join(' · '),
    ...system.reasons.map((reason) => clip(`  ${printable(reason)}`, width)),
    ...firing.map(({ severity, summary }) => style(severity === 'critical' ? 'bad' : 'warn', clip(`  ${severity}: ${printable(summary)}`, width))),
    '',
    ...(breakers.length === 0 ? ['no circuits yet: each is made by the first call'] : table(columns, sorted(breakers).map(row), style, width)),
  ];
}

function sorted(breakers: readonly BreakerView[]): BreakerView[] {
  const rank = ({ state, circuit }: BreakerView): number => order.indexOf(state === 'shadow' && circuit === 'open' ? 'half_open' : state);
  return [...breakers].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

function row(view: BreakerView): Cell[] {
  const { name, state, circuit, sinceMs, window, inFlight, retryAfterMs } = view;
  const refused = sum(view.rejections);
  return [
    { text: name },
    { text: circuit === undefined || circuit === 'closed' ? state : `${state} (${circuit})`, tone: circuit === 'open' ? 'warn' : tones[state] },
    { text: length(sinceMs) },
    ratio(view),
    { text: String(window.recorded) },
    { text: String(inFlight) },
    { text: String(refused) },
    { text: retryAfterMs === undefined ? '' : length(retryAfterMs) },
    { text: why(view) },
  ];
}

/** Of the rule that is nearer to its limit. */
function ratio({ failureRatio, failureRatioLimit, slowRatio, slowRatioLimit }: BreakerView): Cell {
  const found = [
    { value: failureRatio, limit: failureRatioLimit, what: '' },
    { value: slowRatio, limit: slowRatioLimit, what: ' slow' },
  ].flatMap(({ value, limit, what }) => (value === undefined || limit === undefined ? [] : [{ value, limit, what, near: value / limit }]));
  const [worst] = found.sort((a, b) => b.near - a.near);
  if (worst === undefined) return { text: '-' };
  const { value, limit, what, near } = worst;
  return { text: `${percent(value)} of ${percent(limit)}${what}`, tone: near >= 1 ? 'bad' : near >= 0.5 ? 'warn' : undefined };
}

/** Who holds it, or what opened it last, and what is not as usual. */
function why({ state, mode, lastTrip, lastErrors, heldReason, injected, degraded, fallbacks, circuit }: BreakerView): string {
  const forced = state === 'forced_open' || (state === 'disabled' && mode !== 'off');
  const held = heldReason ?? (forced ? 'by hand' : undefined);
  const troubled = (circuit ?? state) !== 'closed' && state !== 'forced_open' && state !== 'disabled';
  const error = lastTrip?.errorType ?? lastErrors[0]?.errorType;
  const served = sum(fallbacks);
  return [
    ...(held === undefined ? [] : [held]),
    ...(injected ? ['faults injected'] : []),
    ...(degraded === undefined ? [] : [degraded]),
    ...(troubled && lastTrip !== undefined ? [`${lastTrip.trigger}${error === undefined ? '' : ` (${error})`}`] : []),
    ...(!troubled && lastTrip !== undefined ? [`opened ${length(lastTrip.agoMs)} ago`] : []),
    ...(served > 0 ? [`${served} served by fallback`] : []),
  ].join(', ');
}
