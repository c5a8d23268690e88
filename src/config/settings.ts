import type { BreakerOptions } from '../core/options.ts';
import { check } from '../core/schema.ts';
import type { AlertRuleInput, WebhookInput } from './alerts-schema.ts';
import { type ResolvedHealth, resolveHealth } from './health.ts';
import {
  type ConfigurationInput,
  codeConfigSchema,
  type InstrumentationName,
  instrumentationNames,
  type OnConfigError,
  type ReadinessFailOn,
  type ReloadSignal,
  type SdkMode,
} from './schema.ts';

/** What is not an option of breakers, with its defaults filled in. */
export interface Settings {
  /** `false`: nothing is hooked, no call is touched. */
  readonly enabled: boolean;
  readonly disabledInstrumentations: readonly InstrumentationName[];
  readonly sdk: SdkMode;
  readonly onError: OnConfigError;
  /** `port` is `undefined` where nobody named one: the usual one, or the next that is free. */
  readonly prometheus: { readonly host: string; readonly port: number | undefined };
  readonly management: ManagementSettings;
  /** `undefined`: nothing is checked but by the traffic. */
  readonly health: ResolvedHealth | undefined;
  readonly alerts: AlertSettings;
  /** `undefined`: the registry's default. */
  readonly maxBreakers: number | undefined;
  /** In ms. `undefined`: the registry's default. */
  readonly idleMs: number | undefined;
  /** Whether the file is read again when it changes. */
  readonly watch: boolean;
  readonly reloadSignal: ReloadSignal;
  /** Whether faults may be injected in production. */
  readonly allowFaults: boolean;
}

export interface AlertSettings {
  readonly enabled: boolean;
  /** Those of the file, then those of code. */
  readonly rules: readonly AlertRuleInput[];
  readonly webhooks: readonly WebhookInput[];
}

export interface ManagementSettings {
  readonly enabled: boolean;
  readonly host: string;
  /** As that of `prometheus`. */
  readonly port: number | undefined;
  /** `undefined`: nobody wants the metrics apart. */
  readonly metricsPort: number | undefined;
  readonly allowedHosts: readonly string[];
  readonly tokensFile: string | undefined;
  readonly readiness: { readonly failOn: ReadinessFailOn; readonly failOnChecks: readonly string[] };
}

/** Settings of sources, given from the weakest to the strongest. */
export function settingsOf(sources: readonly ConfigurationInput[]): Settings {
  const strongest = <T>(pick: (source: ConfigurationInput) => T | undefined): T | undefined =>
    sources.reduce<T | undefined>((below, source) => pick(source) ?? below, undefined);
  return {
    enabled: strongest((source) => source.enabled) ?? true,
    disabledInstrumentations: strongest((source) => source.instrumentations?.disabled) ?? [],
    sdk: strongest((source) => source.telemetry?.sdk) ?? 'auto',
    onError: strongest((source) => source.onError) ?? 'defaults',
    prometheus: {
      host: strongest((source) => source.prometheus?.host) ?? '127.0.0.1',
      port: strongest((source) => source.prometheus?.port),
    },
    management: {
      enabled: strongest((source) => (isOff(source, 'management') ? false : source.management?.enabled)) ?? true,
      host: strongest((source) => source.management?.host) ?? '127.0.0.1',
      port: strongest((source) => source.management?.port),
      metricsPort: strongest((source) => source.management?.metricsPort),
      allowedHosts: strongest((source) => source.management?.allowedHosts) ?? [],
      tokensFile: strongest((source) => source.management?.tokensFile),
      readiness: {
        failOn: strongest((source) => source.management?.readiness?.failOn) ?? 'never',
        failOnChecks: strongest((source) => source.management?.readiness?.failOnChecks) ?? [],
      },
    },
    health: resolveHealth(sources.map(({ health }) => health)),
    alerts: {
      enabled: strongest((source) => (isOff(source, 'alerts') ? false : source.alerts?.enabled)) ?? true,
      rules: sources.flatMap((source) => source.alerts?.rules ?? []),
      webhooks: strongest((source) => source.alerts?.webhooks) ?? [],
    },
    maxBreakers: strongest((source) => source.maxBreakers),
    idleMs: strongest((source) => source.idleMs),
    watch: strongest((source) => source.reload?.watch) ?? true,
    reloadSignal: strongest((source) => source.reload?.signal) ?? 'off',
    allowFaults: strongest((source) => source.faults?.allowInProduction) ?? false,
  };
}

/** `management: off` */
function isOff(source: ConfigurationInput, key: 'management' | 'alerts'): boolean {
  return Object.hasOwn(source, key) && source[key] === undefined;
}

const salvaged = [
  'enabled',
  'onError',
  'telemetry',
  'prometheus',
  'management',
  'alerts',
  'reload',
] as const satisfies readonly (keyof ConfigurationInput)[];

/**
 * What can be kept of a source that is at fault: the settings that are valid by themselves, and the mode. A service that
 * asked for no more than shadow, or for nothing, must not be interfered with because of a slip of the pen elsewhere.
 */
export function salvage(source: ConfigurationInput): ConfigurationInput {
  const kept: Record<string, unknown> = {};
  const raw = (typeof source === 'object' && source !== null ? source : {}) as Record<string, unknown>;
  const keep = (key: string, value: unknown): void => {
    const schema = codeConfigSchema.properties[key];
    const issues: never[] = [];
    if (schema === undefined || !(value !== undefined || (schema.offable && Object.hasOwn(raw, key)))) return;
    const checked = check(schema, value, issues, { text: 'file' });
    if (issues.length === 0 && (checked !== undefined || schema.offable)) kept[key] = checked;
  };
  for (const key of salvaged) keep(key, raw[key]);
  const disabled = (raw.instrumentations as { disabled?: unknown } | null | undefined)?.disabled;
  if (Array.isArray(disabled)) kept.instrumentations = { disabled: disabled.filter((name) => instrumentationNames.includes(name)) };
  keep('mode', raw.mode ?? (raw.defaults as BreakerOptions | null | undefined)?.mode);
  const { mode, ...rest } = kept as ConfigurationInput;
  return mode === undefined ? rest : { ...rest, defaults: { mode } };
}
