import { version } from '../../src/core/version.ts';
import { type Around, guardMethod, type Through } from '../shared/guard.ts';
import { hookFiles, type Undo } from '../shared/hook.ts';
import { BreakerInstrumentation, type BreakerInstrumentationConfig, type InstrumentationContext } from '../shared/instrumentation.ts';
import { Databases } from './database.ts';
import { pgGuards } from './guards.ts';
import { Transactions } from './transaction.ts';
import { isFunction, type PgConnectionParametersClass } from './types.ts';

export interface PgBreakerConfig extends BreakerInstrumentationConfig {}

/** Guards pg's clients and pools: a breaker per server, database and class of statement. */
export class PgBreakerInstrumentation extends BreakerInstrumentation<PgBreakerConfig> {
  constructor(config: PgBreakerConfig = {}) {
    super('otel-breaker/pg', version, config, install);
  }
}

function install(context: InstrumentationContext<PgBreakerConfig>): Undo {
  const guards = pgGuards(new Databases(() => context.registry), new Transactions());
  return hookFiles([
    {
      package: 'pg',
      files: ['pg/lib/client.js', 'pg/lib/native/client.js', 'pg/lib/connection-parameters.js'],
      majors: [8],
      patch: (exports, { file }) => {
        if (!file.endsWith('connection-parameters.js')) return guardAll(exports, { query: guards.clientQuery, connect: guards.clientConnect });
        guards.databases.useParameters(exports as PgConnectionParametersClass);
        return undefined;
      },
    },
    {
      package: 'pg-pool',
      files: ['pg-pool/index.js'],
      majors: [3],
      patch: (exports) =>
        guardAll(exports, { query: guards.poolQuery, connect: guards.poolConnect, newClient: guards.poolNewClient, end: guards.poolEnd }),
    },
  ]);
}

function guardAll(exported: unknown, arounds: Readonly<Record<string, Around | Through>>): Undo | undefined {
  const prototype: unknown = (exported as { prototype?: unknown } | undefined)?.prototype;
  if (typeof prototype !== 'object' || prototype === null) return undefined;
  const owner = prototype as Record<string, unknown>;
  const guards = Object.entries(arounds).flatMap(([name, around]) => (isFunction(owner[name]) ? [guardMethod(owner, name, around)] : []));
  return () => {
    for (const guard of guards) guard.remove();
  };
}
