import { type BreakerOptions, type Mode, optionsSchema } from '../core/options.ts';
import { policyCodeSchema } from '../core/policy-schema.ts';
import type { ObjectSchema, Schema } from '../core/schema.ts';
import { type AlertsInput, alertsSchema } from './alerts-schema.ts';
import { type ClassifyLists, classifyListsSchema } from './classify-lists.ts';
import { type FaultsInput, faultsSchema } from './fault-rules.ts';
import type { HealthInput } from './health.ts';
import { codeHealthSchema, fileHealthSchema } from './health-schema.ts';

/** The systems that have a section of their own under `systems`, and environment variables of their own. */
export const systemNames = ['redis', 'postgresql', 'http'] as const;
export type SystemName = (typeof systemNames)[number];

/** What `instrumentations.disabled` may name. */
export const instrumentationNames = ['ioredis', 'pg', 'fetch'] as const;
export type InstrumentationName = (typeof instrumentationNames)[number];

/** What to do when the configuration is broken: protect with the defaults, or leave the service unprotected. */
export type OnConfigError = 'defaults' | 'unprotected';
export type SdkMode = 'auto' | 'on' | 'off';
/** The signal that makes a process read its configuration again. */
export type ReloadSignal = 'off' | 'SIGHUP' | 'SIGUSR2';

/** Which breakers a rule is for. Every field given must match; `*` stands for any text, `?` for one character. */
export interface Match {
  /** `redis`, `postgresql`, `http`, or a third party's own. */
  readonly system?: string;
  /** `host`, `host:port`, or the server's key such as `redis://10.0.0.5:6379`. */
  readonly server?: string;
  /** The class of operation: `read`, `write`, ... */
  readonly operation?: string;
  /** The breaker's whole name. */
  readonly name?: string;
}

/** Breaker options of a configuration: as in code, and `classify` also as lists of codes and statuses. */
export type ConfiguredOptions = Omit<BreakerOptions, 'name' | 'classify'> & { readonly classify?: BreakerOptions['classify'] | ClassifyLists };

export type ConfiguredRule = ConfiguredOptions & { readonly match: Match };

/** At which state of the system `/health/ready` says that no requests should be sent. */
export type ReadinessFailOn = 'never' | 'critical' | 'emergency';

export interface ManagementInput {
  readonly enabled?: boolean;
  readonly host?: string;
  readonly port?: number;
  /** Metrics at a port of their own, without a token. */
  readonly metricsPort?: number;
  /** Further names under which it is reached. */
  readonly allowedHosts?: readonly string[];
  /** A file with `name:secret` in each line. */
  readonly tokensFile?: string;
  readonly readiness?: {
    readonly failOn?: ReadinessFailOn;
    /** Checks that must be up, whatever the state of the system. */
    readonly failOnChecks?: readonly string[];
  };
}

/** The configuration as written, in code or in a file. Everything is optional. */
export interface ConfigurationInput {
  readonly version?: 1;
  /** `false`: no call is ever touched. Default `true`. */
  readonly enabled?: boolean;
  /** Short for `defaults.mode`. */
  readonly mode?: Mode;
  readonly defaults?: ConfiguredOptions;
  readonly systems?: { readonly [K in SystemName]?: ConfiguredOptions };
  readonly breakers?: readonly ConfiguredRule[];
  readonly instrumentations?: { readonly disabled?: readonly InstrumentationName[] };
  readonly onError?: OnConfigError;
  readonly telemetry?: { readonly sdk?: SdkMode };
  /** How many breakers may be made by targets seen in traffic; beyond it they share one. */
  readonly maxBreakers?: number;
  /** Time, in ms, after which a breaker without a call is dropped. */
  readonly idleMs?: number;
  readonly prometheus?: { readonly host?: string; readonly port?: number };
  /** The server that shows and controls the breakers; `undefined`, and in files `off`: none. */
  readonly management?: ManagementInput | undefined;
  /** Faults injected on purpose: which, and whether in production as well. */
  readonly faults?: FaultsInput;
  /** Checks of what the service depends on. Without it nothing is checked but by the traffic. */
  readonly health?: HealthInput;
  /** Rules that the process itself looks at, and where alerts are sent; `undefined`, and in files `off`: none. */
  readonly alerts?: AlertsInput | undefined;
  /** Reading the file again while the process runs: when it changes (default), and on a signal (default: none). */
  readonly reload?: { readonly watch?: boolean; readonly signal?: ReloadSignal };
}

const later = 'not available in this version';

const fileOptions = {
  kind: 'object',
  properties: { ...optionsSchema.properties, classify: classifyListsSchema },
} as const satisfies ObjectSchema;

const codeOptions: ObjectSchema = {
  kind: 'object',
  properties: {
    ...fileOptions.properties,
    ...policyCodeSchema,
    classify: { kind: 'union', of: [{ kind: 'function' }, classifyListsSchema], words: 'a function, or lists of codes and statuses', offable: true },
    rules: {
      kind: 'array',
      items: { kind: 'object', properties: { name: { kind: 'string' }, trips: { kind: 'function' } }, required: ['name', 'trips'] },
    },
  },
};

const match: ObjectSchema & Schema = {
  kind: 'object',
  description: 'every field given must match; * stands for any text, ? for one character',
  properties: {
    system: { kind: 'string', description: "redis, postgresql (postgres, pg), http (https), or a third party's own" },
    server: { kind: 'string', description: "host, host:port or the server's key such as redis://10.0.0.5:6379" },
    operation: { kind: 'string', description: 'class of operation: read, write, ...' },
    name: { kind: 'string', description: "the breaker's whole name" },
  },
  notes: { tenant: later },
};

const port = { kind: 'number', integer: true, min: 0, max: 65_535 } as const;

const managementSchema: Schema = {
  kind: 'object',
  offable: true,
  description: 'the server that shows and controls the breakers; off: none',
  properties: {
    enabled: { kind: 'boolean', default: true, description: 'false: it is not started' },
    host: { kind: 'string', default: '127.0.0.1', description: 'where it is served; anything but loopback needs a token' },
    port: { ...port, default: 9_464, description: '0: any free port; taken, and not set: the next free one' },
    metricsPort: { ...port, description: 'a port of their own for the metrics, without a token (default: the same)' },
    allowedHosts: { kind: 'array', items: { kind: 'string' }, description: 'further names under which it is reached' },
    tokensFile: { kind: 'string', description: 'a file with name:secret in each line: who may control the breakers' },
    readiness: {
      kind: 'object',
      properties: {
        failOn: {
          kind: 'enum',
          values: ['never', 'critical', 'emergency'],
          default: 'never',
          description: 'at which state of the system /health/ready says 503',
        },
        failOnChecks: {
          kind: 'array',
          items: { kind: 'string' },
          description: 'checks without which /health/ready says 503, by name',
        },
      },
    },
  },
};

function schemaOf(options: ObjectSchema, health: Schema): ObjectSchema {
  const misplaced = Object.fromEntries(
    Object.keys(options.properties).map((key) => [key, `not here: it belongs under defaults, systems or breakers`]),
  );
  const systems = Object.fromEntries(systemNames.map((name): [string, Schema] => [name, options]));
  return {
    kind: 'object',
    properties: {
      $schema: { kind: 'string', description: 'for editors: where the JSON Schema is' },
      version: { kind: 'enum', values: [1], default: 1, description: 'of this format' },
      enabled: { kind: 'boolean', default: true, description: 'false: no call is ever touched' },
      mode: { ...optionsSchema.properties.mode, description: `short for defaults.mode: ${optionsSchema.properties.mode.description}` },
      defaults: options,
      systems: { kind: 'object', properties: systems, description: 'options per system, over the defaults' },
      breakers: {
        kind: 'array',
        description: 'rules: all that match are laid over each other, the most specific on top',
        items: { kind: 'object', properties: { match, ...options.properties }, required: ['match'] },
      },
      instrumentations: {
        kind: 'object',
        properties: { disabled: { kind: 'array', items: { kind: 'enum', values: instrumentationNames }, description: 'clients to leave alone' } },
      },
      onError: {
        kind: 'enum',
        values: ['defaults', 'unprotected'],
        default: 'defaults',
        description: 'when the configuration is broken: protect with the defaults, or do not protect',
      },
      telemetry: {
        kind: 'object',
        properties: {
          sdk: {
            kind: 'enum',
            values: ['auto', 'on', 'off'],
            default: 'auto',
            description: 'whether to set up an OpenTelemetry SDK; auto: if there is none',
          },
        },
      },
      maxBreakers: {
        kind: 'number',
        integer: true,
        min: 1,
        max: 1_000_000,
        default: 1_000,
        description: 'breakers made by traffic; beyond it they share one',
      },
      idleMs: {
        kind: 'number',
        duration: true,
        min: 0,
        exclusiveMin: true,
        max: 2_147_483_647,
        default: 600_000,
        description: 'a breaker without a call for so long is dropped',
      },
      prometheus: {
        kind: 'object',
        properties: {
          host: { kind: 'string', default: '127.0.0.1', description: 'where metrics are served' },
          port: {
            kind: 'number',
            integer: true,
            min: 0,
            max: 65_535,
            default: 9_464,
            description: '0: any free port; taken, and not set: the next free one',
          },
        },
      },
      management: managementSchema,
      faults: faultsSchema(match),
      health,
      alerts: alertsSchema(match),
      reload: {
        kind: 'object',
        properties: {
          watch: { kind: 'boolean', default: true, description: 'read the file again when it changes, comes or is replaced' },
          signal: {
            kind: 'enum',
            values: ['off', 'SIGHUP', 'SIGUSR2'],
            default: 'off',
            description: 'read it again on this signal, unless the program itself handles it',
          },
        },
      },
    },
    notes: { ...misplaced, match: 'not here: it belongs under breakers', fleet: later },
  };
}

/** Files: what is checked, what the JSON Schema is made of, and what environment variables are derived from. */
export const configSchema: ObjectSchema = schemaOf(fileOptions, fileHealthSchema);

/** The same from code: functions too. */
export const codeConfigSchema: ObjectSchema = schemaOf(codeOptions, codeHealthSchema);

/** Parts used in many places, for the JSON Schema's `$defs`. */
export const configDefinitions: Readonly<Record<string, Schema>> = { options: fileOptions, ...fileOptions.properties };
