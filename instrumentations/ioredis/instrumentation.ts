import { version } from '../../src/core/version.ts';
import { type HookDefinition, hookFiles, type LoadedFile, type Undo } from '../shared/hook.ts';
import { BreakerInstrumentation, type BreakerInstrumentationConfig } from '../shared/instrumentation.ts';
import { CommandClasses, commandTable } from './command-class.ts';
import { guardClient, guardCluster, guardPipeline } from './guards.ts';
import type { RegistrySource } from './send-command.ts';

export type IORedisBreakerConfig = BreakerInstrumentationConfig;

/**
 * Guards `ioredis` 4, 5 and 6: every copy in the process, in CommonJS and ES module apps, whether loaded before or after.
 * Breakers are named `redis://host:port class`. Cluster is guarded node by node; policies are for its calls as a whole.
 */
export class IORedisBreakerInstrumentation extends BreakerInstrumentation<IORedisBreakerConfig> {
  constructor(config: IORedisBreakerConfig = {}) {
    super('otel-breaker/ioredis', version, config, (context) => hookFiles([definition(context)]));
  }
}

/** Of 5 and 6, then of 4; sources, in `lib`, have the same names. */
const clientFiles = ['Redis.js', 'Pipeline.js', 'redis/index.js', 'pipeline.js', 'cluster/index.js'];

function definition(source: RegistrySource): HookDefinition {
  return {
    package: 'ioredis',
    files: ['built', 'lib'].flatMap((directory) => clientFiles.map((file) => `ioredis/${directory}/${file}`)),
    majors: [4, 5, 6],
    patch: (exports, loaded) => patch(exports, loaded, source),
  };
}

function patch(exports: unknown, { file, directory }: LoadedFile, source: RegistrySource): Undo {
  // The first releases of 4.x export the class itself.
  const { default: type = exports } = exports as { default?: unknown };
  const { prototype } = type as { prototype?: object };
  if (prototype === undefined) throw new TypeError(`${file} exports no class`);
  const classes = new CommandClasses(commandTable(directory));
  const guard = /pipeline\.js$/i.test(file) ? guardPipeline : /cluster\/index\.js$/.test(file) ? guardCluster : guardClient;
  const guards = guard(prototype, classes, source);
  return () => {
    for (const guard of guards) guard.remove();
  };
}
