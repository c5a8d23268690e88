/** Values as people write them in files and environment variables. */

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** What {@link parseDuration} takes; the JSON Schema says the same. */
export const durationPattern = '^\\s*(\\d+(?:\\.\\d+)?)\\s*(ms|s|m|h)?\\s*$';
const duration = new RegExp(durationPattern);

/** Milliseconds of `250ms`, `30s`, `1.5m`, `1h`; `undefined` when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = duration.exec(text);
  return match ? Number(match[1]) * (durationUnits[match[2] ?? 'ms'] as number) : undefined;
}

/** YAML 1.1 had these for true and false, and many still write them; the JSON Schema says the same. */
export const booleanWords: ReadonlyMap<string, boolean> = new Map([
  ['yes', true],
  ['on', true],
  ['no', false],
  ['off', false],
]);
const environmentBooleans: ReadonlyMap<string, boolean> = new Map([...booleanWords, ['true', true], ['1', true], ['false', false], ['0', false]]);

/** `undefined` when the text is neither. */
export function parseBoolean(text: string, source: 'file' | 'environment'): boolean | undefined {
  return source === 'environment' ? environmentBooleans.get(text.trim().toLowerCase()) : booleanWords.get(text);
}
