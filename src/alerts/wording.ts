import type { Condition } from './condition.ts';
import type { Unit } from './measures.ts';
import type { Rule } from './rule.ts';
import type { Subject } from './subjects.ts';

/** Circuits that a sentence names. */
const maxNamed = 6;

/** What an alert tells in one sentence. @param concerned those that its rule holds for */
export function sentence(rule: Rule, concerned: readonly Condition[]): string {
  const { unit } = rule.measure;
  const value = concerned.reduce((worst, each) => Math.max(worst, each.value), 0);
  const said = rule.summary
    .replaceAll('{calls}', () => plural(value, 'call'))
    .replaceAll('{is}', () => (concerned.every(({ subject }) => subject.kind === 'breaker' && subject.breaker.mode === 'shadow') ? 'is' : 'was'))
    .replaceAll('{value}', () => amount(value, unit))
    .replaceAll('{limit}', () => amount(rule.limit, unit))
    .replaceAll('{for}', () => duration(rule.forMs))
    .replaceAll('{window}', () => duration(rule.windowMs));
  return `${whom(concerned.map(({ subject }) => subject))} ${said}`;
}

/** `redis://10.0.0.5:6379 (read, write)`, or the name of the only one. */
export function whom(subjects: readonly Subject[]): string {
  const [first] = subjects;
  if (first === undefined || subjects.length === 1) return first?.name ?? '';
  const short = subjects.map(({ name, place }) => (name.startsWith(place) ? name.slice(place.length).trim() : name) || name);
  const more = short.length - maxNamed;
  return `${first.place} (${short.slice(0, maxNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''})`;
}

/** `83 %`, `6.2 s`, `3.4`, `5`. */
export function amount(value: number, unit: Unit): string {
  if (unit === 'share') return `${trimmed(value * 100, 1)} %`;
  if (unit === 'ms') return duration(value);
  return unit === 'times' ? trimmed(value, 1) : trimmed(value, 0);
}

/** `5 minutes`, `90 s`, `250 ms`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${trimmed(ms, 0)} ms`;
  if (ms < 120_000 && ms !== 60_000) return `${trimmed(ms / 1_000, 1)} s`;
  if (ms < 7_200_000 && ms !== 3_600_000) return plural(ms / 60_000, 'minute');
  return plural(ms / 3_600_000, 'hour');
}

function plural(count: number, unit: string): string {
  const text = trimmed(count, count < 10 ? 1 : 0);
  return `${text} ${unit}${text === '1' ? '' : 's'}`;
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
