import { diag } from '@opentelemetry/api';
import { FetchBreakerInstrumentation } from '../instrumentations/fetch/instrumentation.ts';
import { guardRedisInstance } from '../instrumentations/ioredis/guard-instance.ts';
import { IORedisBreakerInstrumentation } from '../instrumentations/ioredis/instrumentation.ts';
import { PgBreakerInstrumentation } from '../instrumentations/pg/instrumentation.ts';
import { setDefaultRegistry } from '../instrumentations/shared/default-registry.ts';
import { ClientProtection } from '../instrumentations/shared/protect-client.ts';
import { type Configuration, loadConfiguration, loadConfigurationSafely } from './config/configuration.ts';
import type { ConfigurationInput, InstrumentationName } from './config/schema.ts';
import { Registry } from './registry/registry.ts';
import { type OwnSdk, startSdk } from './sdk/batteries.ts';
import { decideSdk, isSdkRegistered } from './sdk/detect.ts';
import { flushAtExit } from './sdk/exit.ts';
import { attachTelemetry, type TelemetryHandle } from './telemetry/attach.ts';

/** What `setup` has put together. */
export interface Handle {
  /** All breakers of the process. */
  readonly registry: Registry;
  readonly configuration: Configuration;
  /** Where metrics can be read, when this package serves them. */
  readonly metricsUrl: string | undefined;
  /** Ends open outages' spans, exports what is left (if the SDK is ours) and takes every hook back. Idempotent. */
  shutdown(): Promise<void>;
}

const instrumentations = {
  ioredis: IORedisBreakerInstrumentation,
  pg: PgBreakerInstrumentation,
  fetch: FetchBreakerInstrumentation,
} satisfies Record<InstrumentationName, unknown>;

const protection = new ClientProtection([guardRedisInstance]);

/**
 * Guards one client that no hook has seen, because the program was bundled into one file: `protectClient(new Redis())`. Returns
 * the client. Once is enough; a client that is guarded already is left as it is.
 * @throws TypeError for anything that is no ioredis client
 */
export function protectClient<T extends object>(client: T): T {
  return protection.protect(client);
}

/** An SDK that was expected should have appeared by then. */
const EXPECTED_WITHIN_MS = 10_000;

/**
 * Does what `otel-breaker/register` does, for a program that wants to do it itself: call it before the clients are used.
 * What `config` says wins over the environment and the configuration file.
 * @throws ConfigError for a configuration that cannot be used
 */
export async function setup(config: ConfigurationInput = {}): Promise<Handle> {
  return compose(loadConfiguration({ code: config }));
}

/**
 * What the preload does: the same, without ever throwing.
 * @internal
 */
export function register(): Handle | undefined {
  try {
    const { configuration, error } = loadConfigurationSafely();
    if (error !== undefined) announce(error, configuration);
    return compose(configuration);
  } catch (fault) {
    complain(`otel-breaker: not started, the service runs unprotected: ${fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)}`);
    return undefined;
  }
}

function compose(configuration: Configuration): Handle {
  const { settings, warnings } = configuration;
  for (const warning of warnings) process.emitWarning(warning, { type: 'OtelBreakerWarning', code: 'OTEL_BREAKER_CONFIG' });
  const registry = new Registry({
    resolve: (name, target, lowest) => configuration.resolve(name, target, lowest),
    ...(settings.maxBreakers !== undefined && { maxBreakers: settings.maxBreakers }),
    ...(settings.idleMs !== undefined && { idleMs: settings.idleMs }),
  });
  const handle = new Setup(registry, configuration);
  if (settings.enabled) handle.start();
  return handle;
}

class Setup implements Handle {
  #telemetry: TelemetryHandle | undefined;
  #sdk: OwnSdk | undefined;
  #guards: { disable(): void }[] = [];
  #exit: Disposable | undefined;
  #ended: Promise<void> | undefined;

  constructor(
    readonly registry: Registry,
    readonly configuration: Configuration,
  ) {}

  get metricsUrl(): string | undefined {
    return this.#sdk?.metricsUrl;
  }

  start(): void {
    const { settings } = this.configuration;
    setDefaultRegistry(this.registry);
    // Each on its own: without telemetry the service is still protected, and the other way round.
    attempt('OpenTelemetry SDK', () => this.#startSdk());
    attempt('telemetry', () => {
      this.#telemetry = attachTelemetry(this.registry);
    });
    for (const [name, Instrumentation] of Object.entries(instrumentations)) {
      if (settings.disabledInstrumentations.includes(name as InstrumentationName)) continue;
      attempt(`instrumentation of ${name}`, () => this.#guards.push(new Instrumentation({ registry: this.registry })));
    }
    this.#exit = flushAtExit(() => this.#flush());
  }

  shutdown(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  #startSdk(): void {
    const { settings } = this.configuration;
    const { env, execArgv, argv } = process;
    const decision = decideSdk(settings.sdk, { env, execArgv, main: argv[1], cwd: process.cwd() });
    diag.debug(`otel-breaker: ${decision.start ? 'sets up an SDK' : 'sets up no SDK'}: ${decision.because}`);
    if (decision.start) this.#sdk = startSdk(settings, env);
    else if (decision.expected) this.#expectSdk(decision.because);
  }

  #expectSdk(because: string): void {
    this.registry.clock.setTimer(() => {
      if (isSdkRegistered() || this.#ended !== undefined) return;
      const message = `no OpenTelemetry SDK has appeared (expected one: ${because}); calls are protected, but nobody sees it. OTEL_BREAKER_SDK=on sets one up`;
      process.emitWarning(message, { type: 'OtelBreakerWarning', code: 'OTEL_BREAKER_NO_SDK' });
    }, EXPECTED_WITHIN_MS);
  }

  async #flush(): Promise<void> {
    this.#telemetry?.shutdown();
    await this.#sdk?.shutdown();
  }

  async #end(): Promise<void> {
    for (const guard of this.#guards) guard.disable();
    protection.undo();
    this.#exit?.[Symbol.dispose]();
    setDefaultRegistry(undefined);
    await this.#flush();
  }
}

function attempt(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    complain(`otel-breaker: ${what} not started: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

function announce(error: Error, configuration: Configuration): void {
  const mode = configuration.resolve('').options.mode ?? 'enforce';
  const runs = configuration.settings.enabled ? `with the defaults, in mode ${mode}` : 'unprotected';
  complain(`otel-breaker: the configuration cannot be used, the service runs ${runs}. ${error.message}`);
}

/** To the log of OpenTelemetry and, since that may be off, to stderr. */
function complain(message: string): void {
  diag.error(message);
  process.stderr.write(`${message}\n`);
}
