/** The wall clock: it stamps what people read, and decides nothing. */
export const wallTime = (): number => Date.now();

/** ISO 8601. @param epochMs when */
export function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** ISO 8601. @param agoMs how long ago */
export function isoTime(agoMs = 0): string {
  return new Date(wallTime() - agoMs).toISOString();
}
