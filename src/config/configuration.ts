import { ConfigError } from '../core/errors.ts';
import type { BreakerOptions } from '../core/options.ts';
import type { Target } from '../core/target.ts';
import { alertIssues } from './alerts-check.ts';
import { type Statements, statementsOf } from './changes.ts';
import { type Environment, standardPrometheus } from './environment.ts';
import { type FaultRule, faultIssues, faultRules } from './fault-rules.ts';
import { type HealthSourceInput, healthIssues } from './health.ts';
import { misplaced } from './misplaced.ts';
import { unknownOperations } from './operation-names.ts';
import { type Resolution, Resolver } from './resolver.ts';
import type { ConfigurationInput } from './schema.ts';
import { type Settings, salvage, settingsOf } from './settings.ts';
import { readSources, type SourceOptions, type Sources } from './sources.ts';

/** A configuration that was read, checked and put together. Immutable: a reload makes a new one. */
export interface Configuration {
  readonly settings: Settings;
  /** What has no effect but is no error, one sentence each. */
  readonly warnings: readonly string[];
  /** Where it came from, for messages: a file's name, `environment`, `code`, or several of them. */
  readonly source: string;
  /** The file among the sources, as it was named. */
  readonly file: string | undefined;
  /** The file is there, and nothing at all is in it. */
  readonly fileEmpty: boolean;
  /** Where a file is looked for, full paths. */
  readonly places: readonly string[];
  /** Faults to be injected. */
  readonly faults: readonly FaultRule[];
  /** What the sources say. */
  readonly statements: Statements;
  /** The options of a breaker; see {@link Resolver}. Never throws. */
  resolve(name: string, target?: Target, instrumentationDefaults?: BreakerOptions): Resolution;
}

/**
 * Reads file, environment and code, code winning over environment and environment over file.
 * @throws ConfigError naming every fault of all of them: unknown keys and variables, wrong values, contradictions.
 */
export function loadConfiguration(options: SourceOptions = {}): Configuration {
  return build(readSources(options), options.env ?? process.env);
}

/**
 * The same without ever throwing. What a broken configuration leaves is the defaults, or with `onError: unprotected` (also
 * `OTEL_BREAKER_ON_CONFIG_ERROR`) nothing enabled; and of all that was asked for, the switches that are valid by
 * themselves: `enabled`, `mode`, `instrumentations`, `telemetry`, `prometheus`, `management`, `alerts`, `reload`, `onError`.
 */
export function loadConfigurationSafely(options: SourceOptions = {}): { readonly configuration: Configuration; readonly error?: Error } {
  let sources: Sources | undefined;
  const env = options.env ?? process.env;
  try {
    sources = readSources(options);
    return { configuration: build(sources, env) };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const kept = sources ? [sources.file, sources.environment, sources.code].map(salvage) : [];
    const [file = {}, environment = {}, code = {}] = kept;
    const cautious = asCautiousAs(sources?.modes ?? [], kept);
    const settings = settingsOf([standard(env), ...kept]);
    return {
      configuration: assemble(
        new Resolver({ file, environment, code: cautious === undefined ? code : { ...code, defaults: { ...code.defaults, mode: cautious } } }),
        {
          settings: { ...settings, enabled: settings.enabled && settings.onError === 'defaults' },
          warnings: sources?.warnings ?? [],
          faults: [],
          source: sources?.name ?? 'defaults',
          ...told(sources, { file, environment, code }),
        },
      ),
      error,
    };
  }
}

/**
 * The mode of a service whose configuration is at fault, where what was salvaged would interfere more than somebody may
 * have asked for: a mode other than enforce, readable or not, anywhere, means that nothing is refused.
 */
function asCautiousAs(modes: readonly string[], kept: readonly ConfigurationInput[]): 'shadow' | undefined {
  const mode = kept.map(({ defaults }) => defaults?.mode).findLast((each) => each !== undefined) ?? 'enforce';
  return mode === 'enforce' && modes.some((each) => each !== 'enforce') ? 'shadow' : undefined;
}

function build(sources: Sources, env: Environment): Configuration {
  if (sources.issues.length > 0) throw new ConfigError(sources.issues, sources.faulty);
  const resolver = new Resolver(sources);
  const alerts = [...alertIssues(sources.file), ...alertIssues(sources.code, 'code: ', sources.file.alerts?.rules)];
  const issues = [...resolver.validate(), ...faultIssues(sources), ...healthIssues(ofHealth(sources)), ...alerts];
  if (issues.length > 0) {
    throw new ConfigError(
      issues.map((issue) => ({ ...issue, ...sources.locate(issue.path) })),
      sources.name,
    );
  }
  const settings = settingsOf([standard(env), sources.file, sources.environment, sources.code]);
  const rest = { settings, source: sources.name, faults: faultRules(sources), ...told(sources, sources) };
  const odd = [misplaced, unknownOperations].flatMap((find) => find(rest.statements, sources.fileName, sources.locate));
  return assemble(resolver, { ...rest, warnings: [...sources.warnings, ...odd] });
}

function ofHealth({ file, environment, code }: Sources): HealthSourceInput[] {
  const of = (where: string, { health, management }: ConfigurationInput): HealthSourceInput => ({
    where,
    input: health,
    ready: management?.readiness?.failOnChecks,
  });
  return [of('', file), { ...of('', environment), readyAt: 'OTEL_BREAKER_MANAGEMENT_READINESS_FAIL_ON_CHECKS' }, of('code: ', code)];
}

function assemble(resolver: Resolver, rest: Omit<Configuration, 'resolve'>): Configuration {
  return { ...rest, resolve: (name, target, instrumentationDefaults) => resolver.resolve(name, target, instrumentationDefaults) };
}

function told(
  sources: Sources | undefined,
  said: Pick<Sources, 'file' | 'environment' | 'code'>,
): Omit<Configuration, 'resolve' | 'settings' | 'warnings' | 'source' | 'faults'> {
  return {
    file: sources?.fileName,
    fileEmpty: sources?.fileEmpty ?? false,
    places: sources?.places ?? [],
    statements: statementsOf({ '': said.file, 'environment: ': said.environment, 'code: ': said.code }),
  };
}

function standard(env: Environment): ConfigurationInput {
  return { prometheus: standardPrometheus(env) };
}
