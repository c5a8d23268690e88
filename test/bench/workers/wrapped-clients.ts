// A preload: what the application calls of its clients goes through the least that a wrapper can do, and nothing else.
import { createRequire } from 'node:module';
import { wrapper } from '../support/contenders.ts';

const load = createRequire(import.meta.url);

function wrap(owner: object, name: string): void {
  const methods = owner as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const method = methods[name];
  if (method === undefined) throw new Error(`there is no ${name} to wrap`);
  methods[name] = function (this: unknown, ...args: unknown[]) {
    return wrapper(() => method.apply(this, args));
  };
}

const { Redis, Pipeline } = load('ioredis') as typeof import('ioredis') & { Pipeline: { prototype: object } };
const { Pool } = load('pg') as typeof import('pg');
wrap(Redis.prototype, 'get');
wrap(Pipeline.prototype, 'exec');
wrap(Pool.prototype, 'query');
wrap(globalThis, 'fetch');
