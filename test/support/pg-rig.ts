import { afterAll, beforeAll, beforeEach } from 'vitest';
import { PgBreakerInstrumentation } from '../../instrumentations/pg/instrumentation.ts';
import { setDefaultRegistry } from '../../instrumentations/shared/default-registry.ts';
import type { Breaker } from '../../src/breaker/breaker.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { type PostgresHandle, type PostgresOptions, startPostgres } from './servers/postgres.ts';

/** A PostgreSQL for the tests of a file, and a registry for each of them. */
export interface PgRig {
  readonly server: PostgresHandle;
  readonly registry: Registry;
  readonly instrumentation: PgBreakerInstrumentation;
  /** The breaker of a class of operation on the server's database. @throws when there is none */
  breaker(operation: string): Breaker;
  /** Calls that have succeeded, by class of operation. */
  successes(): Record<string, number>;
}

/** Sets all of it up for the file that calls it. To be called before pg is imported, so that it is guarded. */
export function pgRig(options: PostgresOptions = {}): PgRig {
  let server: PostgresHandle | undefined;
  let registry = createRegistry();
  const instrumentation = new PgBreakerInstrumentation({ registry });
  const started = (): PostgresHandle => {
    if (server === undefined) throw new Error('the server is there from beforeAll on');
    return server;
  };
  beforeAll(async () => {
    server = await startPostgres(options);
  });
  afterAll(async () => {
    instrumentation.disable();
    setDefaultRegistry(undefined);
    await server?.stop();
  });
  beforeEach(() => {
    registry = createRegistry();
    instrumentation.setConfig({ registry });
    setDefaultRegistry(registry);
  });
  return {
    instrumentation,
    get server() {
      return started();
    },
    get registry() {
      return registry;
    },
    breaker(operation) {
      const name = `postgresql://127.0.0.1:${started().port}/${started().database} ${operation}`;
      const found = registry.find(name);
      if (found === undefined) throw new Error(`no breaker ${name} among ${registry.list().map((each) => each.name)}`);
      return found;
    },
    successes: () =>
      Object.fromEntries(
        registry
          .list()
          .map((each) => [each.target.operation ?? '', each.snapshot().calls.success] as const)
          .filter(([, count]) => count > 0),
      ),
  };
}
