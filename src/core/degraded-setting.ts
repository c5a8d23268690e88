import { ConfigError } from './errors.ts';
import { nearest } from './nearest.ts';
import type { DegradedMode } from './policy-options.ts';

const settings: readonly string[] = ['read-only', 'empty', 'bypass', 'off'] satisfies readonly (DegradedMode | 'off')[];

/**
 * Of what is set live. A word that is none would be told as in force while nothing of it is: in an incident the worst kind of yes.
 * @throws ConfigError
 */
export function checkDegraded(setting: unknown): void {
  if (setting === undefined || settings.includes(setting as string)) return;
  const near = typeof setting === 'string' ? nearest(setting, settings) : undefined;
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  throw new ConfigError([{ path: 'degraded', value: setting, allowed: `one of ${settings.join(', ')}, or undefined${hint}` }], 'degraded mode');
}
