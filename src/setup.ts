import { createRequire } from 'node:module';
import type * as Api from '@opentelemetry/api';
import { FetchBreakerInstrumentation } from '../instrumentations/fetch/instrumentation.ts';
import { guardRedisInstance } from '../instrumentations/ioredis/guard-instance.ts';
import { IORedisBreakerInstrumentation } from '../instrumentations/ioredis/instrumentation.ts';
import { guardPgInstance } from '../instrumentations/pg/guard-instance.ts';
import { PgBreakerInstrumentation } from '../instrumentations/pg/instrumentation.ts';
import { ClientProtection } from '../instrumentations/shared/protect-client.ts';
import { type Configuration, loadConfiguration, loadConfigurationSafely } from './config/configuration.ts';
import type { ConfigurationInput, InstrumentationName } from './config/schema.ts';
import type { Registry } from './registry/registry.ts';
import { type Guard, type Handle, Setup, warn } from './setup/handle.ts';
import { type Origin, originOf } from './setup/reload.ts';
import { complain } from './setup/say.ts';

export type { Handle } from './setup/handle.ts';
export type { ReloadResult } from './setup/reload.ts';

const instrumentations: Record<InstrumentationName, (registry: Registry) => Guard> = {
  ioredis: (registry) => new IORedisBreakerInstrumentation({ registry }),
  pg: (registry) => new PgBreakerInstrumentation({ registry }),
  fetch: (registry) => new FetchBreakerInstrumentation({ registry }),
};

const protection = new ClientProtection([guardRedisInstance, guardPgInstance]);

/**
 * Guards one client that no hook has seen, because the program was bundled into one file: `protectClient(new Redis())`,
 * `protectClient(new pg.Pool())` with the clients that the pool makes. Returns the client. Once is enough; a client that is
 * guarded already is left as it is.
 * @throws TypeError for anything that is no ioredis client or cluster and no pg pool or client
 */
export function protectClient<T extends object>(client: T): T {
  return protection.protect(client);
}

/**
 * Does what `otel-breaker/register` does, for a program that wants to do it itself: call it before the clients are used.
 * What `config` says wins over the environment and the configuration file.
 * @throws ConfigError for a configuration that cannot be used; StorageError where it asks for what cannot be kept on disk
 */
export async function setup(config: ConfigurationInput = {}): Promise<Handle> {
  let api: typeof Api | undefined;
  const origin = originOf(config);
  const handle = compose(loadConfiguration(origin), origin, () => api ?? requireApi());
  // In a program bundled into one file this is the copy in the bundle.
  api = await import('@opentelemetry/api');
  await Promise.all([handle.serve(), handle.watch()]);
  const missing = await handle.missing;
  if (missing === undefined) return handle;
  await handle.shutdown();
  throw missing;
}

/**
 * What the preload does: the same, without ever throwing.
 * @internal
 */
export function register(): Handle | undefined {
  try {
    const origin = originOf();
    const { configuration, error } = loadConfigurationSafely(origin);
    if (error !== undefined) announce(error, configuration);
    return compose(configuration, origin, requireApi);
  } catch (fault) {
    complain(`otel-breaker: not started, the service runs unprotected: ${fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)}`);
    return undefined;
  }
}

function compose(configuration: Configuration, origin: Origin, loadApi: () => typeof Api): Setup {
  for (const warning of configuration.warnings) warn(warning);
  const guards = new Map(Object.entries(instrumentations));
  const handle = new Setup({ configuration, origin, loadApi, guards, undo: () => protection.undo() });
  if (configuration.settings.enabled) handle.start();
  return handle;
}

/** At once, which `import()` is not: it is needed in the middle of a program's first call. */
function requireApi(): typeof Api {
  return createRequire(import.meta.url)('@opentelemetry/api') as typeof Api;
}

function announce(error: Error, configuration: Configuration): void {
  const mode = configuration.resolve('').options.mode ?? 'enforce';
  const runs = configuration.settings.enabled ? `with the defaults, in mode ${mode}` : 'unprotected';
  complain(`otel-breaker: the configuration cannot be used, the service runs ${runs}. ${error.message}`);
}
