import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { reportFault } from '../../src/core/fault.ts';
import { onModuleLoaded } from './module-loads.ts';

/** Takes a patch back; must restore exactly what was there. */
export type Undo = () => void;

export interface LoadedFile {
  /** As in the definition, such as `ioredis/built/Redis.js`. */
  readonly file: string;
  /** Of the package.json of this very copy of the client. */
  readonly version: string;
  /** Where this copy lives. */
  readonly directory: string;
}

/** Files of one client package, and what to do when a copy of one of them is loaded. */
export interface HookDefinition {
  /** By its package.json: a copy may be installed under an alias, linked from a monorepo, or be the program's own checkout. */
  readonly package: string;
  /**
   * Package name and path with forward slashes, such as `pg/lib/client.js`; a source that is compiled as it is loaded
   * (`.ts`) counts as the `.js` it becomes. Files a version lacks do no harm.
   */
  readonly files: readonly string[];
  /** Major versions known to work; others are left alone, with one warning. */
  readonly majors: readonly number[];
  /** Called once for each loaded copy of each file, with what it exports. A throw is reported, and the copy left alone. */
  patch(exports: unknown, loaded: LoadedFile): Undo | undefined;
}

const { cache } = createRequire(import.meta.url);
const slashed = (path: string): string => (sep === '/' ? path : path.split(sep).join('/'));
const withoutExtension = (path: string): string => path.replace(/\.[cm]?[jt]sx?$/, '');

/**
 * Patches client files as they are loaded, and those that are loaded already: in CommonJS and ES module apps alike, since
 * the clients are CommonJS. Returns what undoes all of it.
 */
export function hookFiles(definitions: readonly HookDefinition[]): Undo {
  const hooks = new FileHooks(definitions);
  return () => hooks.undo();
}

/** A file to look out for. */
interface Place {
  readonly definition: HookDefinition;
  readonly file: string;
  /** Within the package, from its slash, without extension: `/lib/client`. */
  readonly path: string;
}

class FileHooks {
  /** By the last part of their path, which nearly every loaded file fails. */
  readonly #places = new Map<string, Place[]>();
  /** Lives as long as what was patched: jest, and whoever purges the cache of `require`, loads copies without end. */
  readonly #patched = new WeakMap<object, Undo | undefined>();
  readonly #undoable = new Set<WeakRef<object>>();
  readonly #forgotten = new FinalizationRegistry<WeakRef<object>>((copy) => this.#undoable.delete(copy));
  readonly #warned = new Set<string>();
  readonly #unhook: Undo;

  constructor(definitions: readonly HookDefinition[]) {
    for (const definition of definitions) {
      for (const file of definition.files) {
        const path = withoutExtension(file.slice(definition.package.length));
        const name = lastPart(path);
        this.#places.set(name, [...(this.#places.get(name) ?? []), { definition, file, path }]);
      }
    }
    this.#unhook = onModuleLoaded((filename, exports) => this.#loaded(filename, exports));
    // What was loaded before us, several copies of a package included.
    for (const [filename, module] of Object.entries(cache)) if (module?.loaded) this.#loaded(filename, module.exports);
  }

  undo(): void {
    this.#unhook();
    for (const copy of [...this.#undoable].reverse()) {
      try {
        const exports = copy.deref();
        if (exports !== undefined) this.#patched.get(exports)?.();
      } catch (error) {
        reportFault(error, 'removing a patch');
      }
    }
    this.#undoable.clear();
  }

  #loaded(filename: string, exports: unknown): void {
    if (!isObject(exports)) return;
    const path = withoutExtension(slashed(filename));
    for (const place of this.#places.get(lastPart(path)) ?? []) {
      if (!path.endsWith(place.path) || this.#patched.has(exports)) continue;
      const directory = filename.slice(0, path.length - place.path.length);
      const copy = packageIn(directory);
      const { definition, file } = place;
      // Where its name is another, it may be a fork in the client's stead.
      if (copy?.name !== definition.package && !slashed(directory).endsWith(`/node_modules/${definition.package}`)) continue;
      this.#patch(exports, place, { file, version: copy?.version ?? '', directory });
    }
  }

  #patch(exports: object, { definition }: Place, loaded: LoadedFile): void {
    // Before patching, which may load and thus report further files.
    this.#patched.set(exports, undefined);
    if (!definition.majors.includes(Number.parseInt(loaded.version, 10))) {
      const version = loaded.version === '' ? 'of an unknown version' : loaded.version;
      this.#warn(`${definition.package} ${version} is not known to this instrumentation: its calls are not guarded`);
      return;
    }
    try {
      const undo = definition.patch(exports, loaded);
      if (undo === undefined) return;
      this.#patched.set(exports, undo);
      const copy = new WeakRef(exports);
      this.#undoable.add(copy);
      this.#forgotten.register(exports, copy);
    } catch (error) {
      reportFault(error, `patching ${loaded.file} ${loaded.version}`);
    }
  }

  #warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    reportFault(message, 'instrumentations');
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function packageIn(directory: string): { readonly name: string; readonly version: string } | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { name?: unknown; version?: unknown };
    return { name: typeof name === 'string' ? name : '', version: typeof version === 'string' ? version : '' };
  } catch {
    return undefined;
  }
}
