import { createRequire } from 'node:module';
import type { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';

const load = createRequire(import.meta.url);

type RedisClass = { readonly prototype: { readonly sendCommand?: { readonly __wrapped?: boolean } } };
type Definition = { readonly name: string; patch?(exports: object, version?: string): unknown };

/**
 * OpenTelemetry patches the main file of ioredis, which a program made of ES modules never loads by `require`, so that
 * its spans are missing there. The class itself lies in a file that is always required: its patch is applied to that.
 * In CommonJS programs it then finds its own patch on the main file and puts a new one in its place.
 */
export function traceIORedisInEsModules(instrumentation: IORedisInstrumentation): void {
  // By its definitions, which the base class keeps: there is no public way to name a file.
  const definitions = (instrumentation as unknown as { readonly _modules?: readonly Definition[] })._modules ?? [];
  const definition = definitions.find(({ name }) => name === 'ioredis');
  if (definition?.patch === undefined) return;
  const { Hook } = load('require-in-the-middle') as typeof import('require-in-the-middle');
  new Hook(['ioredis'], { internals: true }, (exports, name) => {
    const redis = (exports as { readonly default?: RedisClass }).default;
    if (
      /ioredis[/\\]built[/\\](redis[/\\]index|Redis)(\.js)?$/.test(name) &&
      redis?.prototype.sendCommand?.__wrapped !== true &&
      redis !== undefined
    ) {
      definition.patch?.(redis);
    }
    return exports;
  });
}
