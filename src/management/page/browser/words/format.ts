/** Figures as people read them. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** A length of time, in at most two units: `9 s`, `1 min 35 s`, `3 h 2 min`. */
export function length(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'min', seconds % 60, 's');
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? pair(hours, 'h', minutes % 60, 'min') : pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function pair(great: number, greatUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${great} ${greatUnit}` : `${great} ${greatUnit} ${small} ${smallUnit}`;
}

/** In milliseconds where seconds would say nothing. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : length(ms);
}

/** Until something is to happen: never 0 while it has not. */
export function countdown(ms: number): string {
  return length(Math.ceil(ms / 1_000) * 1_000);
}

export function percent(ratio: number): string {
  const value = ratio * 100;
  return `${value > 0 && value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value)} %`;
}

export function count(value: number): string {
  if (value < 100_000) return whole.format(value);
  return value < 1_000_000 ? `${(value / 1_000).toFixed(0)} k` : `${(value / 1_000_000).toFixed(1)} M`;
}

/** A second. */
export function rate(value: number): string {
  if (value === 0) return '0/s';
  if (value < 0.1) return '<0.1/s';
  return `${value < 10 ? value.toFixed(1) : whole.format(value)}/s`;
}

/** `1 call`, `2 calls`. */
export function plural(number: number, one: string, more = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : more}`;
}

export function sum(counts: Readonly<Record<string, number>> = {}): number {
  let total = 0;
  for (const each of Object.values(counts)) total += each;
  return total;
}

/** @param at epoch ms, or ISO 8601 */
export function clockTime(at: string | number): string {
  return clock.format(new Date(at));
}

/** The day too, where it is not today. */
export function moment(at: string | number, now: number): string {
  const [then, today] = [day.format(new Date(at)), day.format(now)];
  return then === today ? clockTime(at) : `${then} ${clockTime(at)}`;
}
