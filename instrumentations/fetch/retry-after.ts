/** Statuses with which a server may ask to be left alone for a while (RFC 9110 10.2.3, RFC 6585 4). */
export const statusesWithRetryAfter: ReadonlySet<number> = new Set([429, 503]);

/**
 * Milliseconds of a Retry-After header, in seconds or as an HTTP date; 0 when it is absent, past or unreadable.
 * A date is the server's wall clock against ours, so only as good as these two agree.
 * @param wallClock ms since the epoch
 */
export function retryAfterMs(value: string | null | undefined, wallClock: () => number = Date.now): number {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  // Date.parse takes many things for a date that no server means by it, `-5` among them.
  if (!/^[A-Za-z]/.test(text)) return 0;
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : Math.max(0, date - wallClock());
}

type RawHeader = string | Uint8Array | readonly unknown[];

/** A header of undici's raw list (name, value, name, value ...) or of its parsed record. */
export function headerOf(headers: unknown, name: string): string | undefined {
  if (!Array.isArray(headers)) return first((headers as Record<string, RawHeader | undefined> | null | undefined)?.[name]);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (String(headers[i]).toLowerCase() === name) return first(headers[i + 1] as RawHeader);
  }
  return undefined;
}

function first(value: RawHeader | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
  return first(value[0] as RawHeader | undefined);
}
