import { withoutCredentials } from '../core/credentials.ts';
import type { ConfigurationInput } from './schema.ts';
import type { Settings } from './settings.ts';

/** What a configuration says, flat: `defaults.mode` is `shadow`. */
export type Statements = ReadonlyMap<string, string>;

/** Flattens what the sources say, the strongest last; two sources that speak of the same key are both kept. */
export function statementsOf(sources: Readonly<Record<string, ConfigurationInput>>): Statements {
  const found = new Map<string, string>();
  for (const [origin, source] of Object.entries(sources)) flatten(source, '', (path, text) => found.set(origin + path, text));
  return found;
}

function flatten(value: unknown, path: string, tell: (path: string, text: string) => void): void {
  if (typeof value !== 'object' || value === null) {
    tell(path, typeof value === 'function' ? 'a function' : value === undefined ? 'off' : shown(path, String(value)));
  } else if (Array.isArray(value) && !value.some((item) => typeof item === 'object')) {
    tell(path, `[${value.join(', ')}]`);
  } else if (path !== '' && Object.keys(value).length === 0) {
    // `retry: {}` says something: all of it by default.
    tell(path, '{}');
  } else {
    for (const [key, item] of Object.entries(value))
      flatten(item, Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`, tell);
  }
}

/** The address of a webhook is a secret, or may be: only whether it is the same as before is told. */
function shown(path: string, text: string): string {
  return /(^|\.)alerts\.webhooks\[\d+\]\.url$/.test(path) ? `[... ${fingerprint(text)}]` : text;
}

function fingerprint(text: string): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(text).digest('hex').slice(0, 6);
}

/** What the later says otherwise than the earlier, one text each: `defaults.mode: shadow -> enforce`. */
export function changesBetween(before: Statements, after: Statements): string[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => before.get(path) !== after.get(path))
    .map((path) => {
      const [was, is] = [before, after].map((statements) => withoutCredentials(statements.get(path) ?? '(not set)'));
      return `${path}: ${was} -> ${is}${was === is ? ' (credentials)' : ''}`;
    });
}

/** Settings that are read when the process starts, by their path in the configuration. */
const atStart: Readonly<Record<string, (settings: Settings) => unknown>> = {
  enabled: ({ enabled }) => enabled,
  'instrumentations.disabled': ({ disabledInstrumentations }) => disabledInstrumentations,
  'telemetry.sdk': ({ sdk }) => sdk,
  'prometheus.host': ({ prometheus }) => prometheus.host,
  'prometheus.port': ({ prometheus }) => prometheus.port,
  // Readiness is what the present configuration says.
  management: ({ management: { readiness: _, ...rest } }) => JSON.stringify(rest),
  maxBreakers: ({ maxBreakers }) => maxBreakers,
  idleMs: ({ idleMs }) => idleMs,
  'reload.watch': ({ watch }) => watch,
  'reload.signal': ({ reloadSignal }) => reloadSignal,
};

/** Which settings differ that a running process cannot take on. */
export function changedAtStartOnly(before: Settings, after: Settings): string[] {
  return Object.keys(atStart).filter((path) => String(atStart[path]?.(before)) !== String(atStart[path]?.(after)));
}
