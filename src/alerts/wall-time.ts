/** The wall clock: it stamps what people read and reads dates that a server names; it decides nothing else. Epoch milliseconds. */
export const wallTime = (): number => Date.now();

/** ISO 8601. */
export function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
