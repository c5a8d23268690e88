import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { reportFault } from '../../src/core/fault.ts';

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
  readonly package: string;
  /** Package name and path with forward slashes, such as `pg/lib/client.js`; files a version lacks do no harm. */
  readonly files: readonly string[];
  /** Major versions known to work; others are left alone, with one warning. */
  readonly majors: readonly number[];
  /** Called once for each loaded copy of each file, with what it exports. A throw is reported, and the copy left alone. */
  patch(exports: unknown, loaded: LoadedFile): Undo | undefined;
}

const require = createRequire(import.meta.url);
/** `x/index.js` is `x`, `x/y.js` is `x/y`: the spelling of require-in-the-middle. */
const plain = (file: string): string => file.replace(/(\/index)?(\.[cm]?js)?$/, '');
const slashed = (path: string): string => (sep === '/' ? path : path.split(sep).join('/'));

/**
 * Patches client files as they are loaded, and those that are loaded already: in CommonJS and ES module apps alike, since
 * a client's internal files are CommonJS and come through `require` in both. Returns what undoes all of it.
 */
export function hookFiles(definitions: readonly HookDefinition[]): Undo {
  const hooks = new FileHooks(definitions);
  return () => hooks.undo();
}

class FileHooks {
  readonly #definitions: readonly HookDefinition[];
  readonly #patched = new Map<unknown, Undo | undefined>();
  readonly #warned = new Set<string>();
  readonly #hook: { unhook(): void };

  constructor(definitions: readonly HookDefinition[]) {
    this.#definitions = definitions;
    const { Hook } = require('require-in-the-middle') as typeof import('require-in-the-middle');
    const names = definitions.flatMap((definition) => definition.files.map(plain));
    this.#hook = new Hook([...new Set(names)], { internals: true }, (exports, name, directory) => {
      try {
        this.#loaded(exports, slashed(name), directory);
        // An ES module app loads a package's main file past `require`; it is in the cache by now, or when the next one comes.
        this.#scan();
      } catch (error) {
        reportFault(error, `hooking ${name}`);
      }
      return exports;
    });
    this.#scan();
  }

  undo(): void {
    this.#hook.unhook();
    for (const undo of [...this.#patched.values()].reverse()) {
      try {
        undo?.();
      } catch (error) {
        reportFault(error, 'removing a patch');
      }
    }
    this.#patched.clear();
  }

  /** What was loaded before us, several copies of a package included. */
  #scan(): void {
    for (const [filename, module] of Object.entries(require.cache)) {
      if (module === undefined || !module.loaded) continue;
      const path = slashed(filename);
      for (const definition of this.#definitions) {
        const root = path.lastIndexOf(`/node_modules/${definition.package}/`);
        if (root < 0) continue;
        const start = root + '/node_modules/'.length;
        const directory = filename.slice(0, start + definition.package.length);
        this.#loaded(module.exports, path.slice(start), directory);
      }
    }
  }

  #loaded(exports: unknown, name: string, directory: string | undefined): void {
    if (directory === undefined || this.#patched.has(exports)) return;
    for (const definition of this.#definitions) {
      const file = definition.files.find((each) => plain(each) === plain(name));
      if (file === undefined) continue;
      const version = versionIn(directory);
      if (version === undefined || !definition.majors.includes(Number.parseInt(version, 10))) {
        this.#patched.set(exports, undefined);
        this.#warn(`${definition.package} ${version ?? 'of an unknown version'} is not known to this instrumentation: its calls are not guarded`);
        continue;
      }
      // Before patching, which may load and thus report further files.
      this.#patched.set(exports, undefined);
      try {
        this.#patched.set(exports, definition.patch(exports, { file, version, directory }));
      } catch (error) {
        reportFault(error, `patching ${file} ${version}`);
      }
    }
  }

  #warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    reportFault(message, 'instrumentations');
  }
}

function versionIn(directory: string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}
