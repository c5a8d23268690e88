import type { ConfigIssue } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { optionsSchema } from '../core/options.ts';
import { check, type ObjectSchema, type Schema } from '../core/schema.ts';
import { type ConfigurationInput, configSchema, systemNames } from './schema.ts';

const prefix = 'OTEL_BREAKER_';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says. `input` holds what is valid, also when there are issues. */
export interface EnvironmentReading {
  readonly input: ConfigurationInput;
  readonly configFile: string | undefined;
  readonly issues: readonly ConfigIssue[];
  readonly warnings: readonly string[];
}

interface Variable {
  /** Where its value belongs in the configuration. */
  readonly path: readonly string[];
  readonly schema: Schema;
}

/** Names that later versions have a use for: said to be without effect, but no error. */
const reserved = ['FLEET_STORE'];
/**
 * Read by whoever needs them, and never part of a configuration: tokens, because it is logged (`setup/tokens.ts`), and what the
 * command line reads, which is often run in the same environment.
 */
const apart = ['ADMIN_TOKEN', 'READ_TOKEN', 'URL'];
export const apartVariables: readonly string[] = apart.map((name) => prefix + name);
const configFile = 'CONFIG_FILE';

/** Every variable by its name, derived from the schema: `halfOpen.permits` is `OTEL_BREAKER_HALF_OPEN_PERMITS`. */
export const variables: ReadonlyMap<string, Variable> = new Map([
  ...settings(),
  ...leaves(optionsSchema).map(([suffix, { path, schema }]): [string, Variable] => [prefix + suffix, { path: ['defaults', ...path], schema }]),
  ...systemNames.flatMap((system) =>
    leaves(optionsSchema).map(([suffix, { path, schema }]): [string, Variable] => [
      `${prefix}${system.toUpperCase()}_${suffix}`,
      { path: ['systems', system, ...path], schema },
    ]),
  ),
]);

function settings(): [string, Variable][] {
  const paths: Readonly<Record<string, string>> = {
    ENABLED: 'enabled',
    SDK: 'telemetry.sdk',
    ON_CONFIG_ERROR: 'onError',
    DISABLED_INSTRUMENTATIONS: 'instrumentations.disabled',
    MAX_BREAKERS: 'maxBreakers',
    IDLE_MS: 'idleMs',
    PROMETHEUS_HOST: 'prometheus.host',
    PROMETHEUS_PORT: 'prometheus.port',
    MANAGEMENT: 'management.enabled',
    MANAGEMENT_HOST: 'management.host',
    MANAGEMENT_PORT: 'management.port',
    MANAGEMENT_METRICS_PORT: 'management.metricsPort',
    MANAGEMENT_ALLOWED_HOSTS: 'management.allowedHosts',
    MANAGEMENT_READINESS_FAIL_ON: 'management.readiness.failOn',
    MANAGEMENT_READINESS_FAIL_ON_CHECKS: 'management.readiness.failOnChecks',
    ALERTS: 'alerts.enabled',
    ADMIN_TOKEN_FILE: 'management.tokensFile',
    ALLOW_FAULTS: 'faults.allowInProduction',
    WATCH: 'reload.watch',
    RELOAD_SIGNAL: 'reload.signal',
  };
  return Object.entries(paths).map(([suffix, dotted]) => {
    const path = dotted.split('.');
    const schema = path.reduce((parent: Schema, key) => (parent as ObjectSchema).properties[key] as Schema, configSchema);
    return [prefix + suffix, { path, schema }];
  });
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, '_$&').toUpperCase();
}

function leaves(schema: ObjectSchema, path: readonly string[] = []): [string, Variable][] {
  return Object.entries(schema.properties).flatMap(([key, property]): [string, Variable][] => {
    const here = [...path, key];
    const self: [string, Variable] = [here.map(snake).join('_'), { path: here, schema: property }];
    if (property.kind === 'object') return [...(property.offable ? [self] : []), ...leaves(property, here)];
    if (property.kind !== 'variant') return [self];
    const type: Schema = { kind: 'enum', values: Object.keys(property.variants) };
    return Object.values(property.variants).flatMap((variant) => leaves({ kind: 'object', properties: { ...variant.properties, type } }, here));
  });
}

/** Reads every OTEL_BREAKER_* variable. An empty one counts as unset. Throws nothing: faults are in `issues`. */
export function readEnvironment(env: Environment): EnvironmentReading {
  const issues: ConfigIssue[] = [];
  const warnings: string[] = [];
  const input: Record<string, unknown> = {};
  const given = new Map(
    Object.entries(env).flatMap(([name, value]) => (name.startsWith(prefix) && value?.trim() ? [[name, value.trim()] as const] : [])),
  );
  for (const name of given.keys()) {
    const suffix = name.slice(prefix.length);
    if (reserved.includes(suffix)) warnings.push(`environment: ${name} is not available in this version and has no effect`);
    else if (suffix !== configFile && !apart.includes(suffix) && !variables.has(name)) issues.push(unknown(name));
  }
  // In the order of the schema: STALL=off comes before what STALL_CALLS says.
  for (const [name, { path, schema }] of variables) {
    const text = given.get(name);
    if (text === undefined) continue;
    const found: ConfigIssue[] = [];
    const value = check(schema, schema.kind === 'array' ? text.split(',').map((item) => item.trim()) : text, found, { text: 'environment' });
    if (found.length > 0) issues.push({ path: name, value: text, allowed: found[0]?.allowed ?? '' });
    // Of a list, what is valid: should the whole fail, the clients named rightly are still left alone.
    if (Array.isArray(value))
      put(
        input,
        path,
        value.filter((item) => item !== undefined),
      );
    else if (found.length === 0) put(input, path, value);
  }
  return { input: checkWhole(input, issues), configFile: given.get(prefix + configFile), issues, warnings };
}

/** What single variables cannot show: which type of window is meant, and whether the rest fits it. */
function checkWhole(input: Record<string, unknown>, issues: ConfigIssue[]): ConfigurationInput {
  const found: ConfigIssue[] = [];
  const checked = check(configSchema, input, found) as ConfigurationInput;
  for (const issue of found) {
    const suffix = issue.path
      .replace(/^(defaults|systems)\./, '')
      .split('.')
      .map(snake)
      .join('_');
    issues.push({ ...issue, path: prefix + suffix });
  }
  return found.length === 0 ? checked : input;
}

function unknown(name: string): ConfigIssue {
  const known = [...variables.keys()].map((variable) => variable.slice(prefix.length)).concat(configFile, reserved, apart);
  const near = nearest(name.slice(prefix.length), known);
  // Its value is not shown: it may be a misspelt secret.
  return { path: name, value: '[...]', allowed: `no such variable${near === undefined ? '' : `; did you mean ${prefix}${near}?`}` };
}

function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  target[key] ??= {};
  put(target[key] as Record<string, unknown>, rest, value);
}

/** Where OpenTelemetry's own variables want Prometheus metrics served; nonsense in them is not ours to complain of. */
export function standardPrometheus(env: Environment): { readonly host?: string; readonly port?: number } {
  const host = env.OTEL_EXPORTER_PROMETHEUS_HOST?.trim();
  const port = env.OTEL_EXPORTER_PROMETHEUS_PORT?.trim();
  const valid = port !== undefined && /^\d+$/.test(port) && Number(port) <= 65_535;
  return { ...(host ? { host } : {}), ...(valid ? { port: Number(port) } : {}) };
}
