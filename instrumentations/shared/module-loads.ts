import Module from 'node:module';
import { reportFault } from '../../src/core/fault.ts';

/** Told of every CommonJS file right after it was loaded, once, with what it exports. */
export type ModuleListener = (filename: string, exports: unknown) => void;

interface LoadingModule {
  readonly exports: unknown;
  readonly loaded: boolean;
}
type Load = (this: LoadingModule, filename: string) => unknown;

/**
 * Hears of CommonJS files as they are loaded, by whatever name they were asked for: through an alias, a link into a
 * monorepo, by relative path, from an ES module. By `Module.prototype.load`, which Node calls once per file with its real
 * path; `require` is called with any name, over and over, and not for what an ES module imports. Returns what ends it.
 */
export function onModuleLoaded(listener: ModuleListener): () => void {
  const owner = Module.prototype as unknown as { load: Load };
  const original = owner.load;
  if (typeof original !== 'function') throw new TypeError('this Node.js has no Module.prototype.load');
  let listening = true;
  const { load } = {
    load(this: LoadingModule, filename: string): unknown {
      const result = Reflect.apply(original, this, [filename]);
      try {
        if (listening && this.loaded) listener(filename, this.exports);
      } catch (error) {
        reportFault(error, `hooking ${filename}`);
      }
      return result;
    },
  };
  owner.load = load;
  return () => {
    listening = false;
    // Somebody who came later calls ours; then it stays, and only passes on.
    if (owner.load === load) owner.load = original;
  };
}
