/** ISO 8601, for people: it decides nothing. @param agoMs how long ago */
export function isoTime(agoMs: number): string {
  return new Date(Date.now() - agoMs).toISOString();
}
