import { wallTime } from '../wall-time.ts';

/** Milliseconds of a Retry-After header, in seconds or as an HTTP date; 0 when it is absent, past or unreadable. */
export function retryAfterMs(value: string | undefined): number {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  // Date.parse takes many things for a date that no server means by it.
  if (!/^[A-Za-z]/.test(text)) return 0;
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : Math.max(0, date - wallTime());
}
