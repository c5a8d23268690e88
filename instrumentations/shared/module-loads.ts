import Module from 'node:module';
import { reportFault } from '../../src/core/fault.ts';
import { isJestRuntime, onJestModuleLoaded } from './jest-modules.ts';
import { replaceMethod } from './replace-method.ts';

/** Told of every CommonJS file right after it was loaded, once, with what it exports. */
export type ModuleListener = (filename: string, exports: unknown) => void;

interface LoadingModule {
  readonly exports: unknown;
  readonly loaded: boolean;
}

const listeners = new Set<ModuleListener>();
let undos: (() => void)[] = [];

/**
 * Hears of CommonJS files as they are loaded, by whatever name they were asked for: through an alias, a link into a
 * monorepo, by relative path, from an ES module, in a test that jest runs. By `Module.prototype.load`, which Node calls once
 * per file with its real path; `require` is called with any name, over and over, and not for what an ES module imports.
 * Returns what ends it.
 */
export function onModuleLoaded(listener: ModuleListener): () => void {
  const own: ModuleListener = (filename, exports) => listener(filename, exports);
  if (listeners.size === 0) start();
  listeners.add(own);
  return () => {
    if (listeners.delete(own) && listeners.size === 0) for (const undo of undos.splice(0).reverse()) undo();
  };
}

function start(): void {
  const owner = Module.prototype as unknown as { load?: unknown };
  if (typeof owner.load !== 'function') throw new TypeError('this Node.js has no Module.prototype.load');
  undos = [
    replaceMethod(owner, 'load', (original, self, args) => {
      const result = original(self, args);
      const { loaded, exports } = self as LoadingModule;
      if (loaded) tell(args[0] as string, exports);
      return result;
    }),
  ];
}

function tell(filename: string, exports: unknown): void {
  for (const listener of [...listeners]) {
    try {
      listener(filename, exports);
    } catch (error) {
      reportFault(error, `hooking ${filename}`);
    }
  }
  if (!isJestRuntime(filename)) return;
  try {
    undos.push(onJestModuleLoaded(exports, tell));
  } catch (error) {
    reportFault(error, `hooking ${filename}`);
  }
}
