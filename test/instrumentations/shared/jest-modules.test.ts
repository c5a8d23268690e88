import Module from 'node:module';
import { expect, it } from 'vitest';
import { isJestRuntime, onJestModuleLoaded } from '../../../instrumentations/shared/jest-modules.ts';
import { onModuleLoaded } from '../../../instrumentations/shared/module-loads.ts';

interface LocalModule {
  exports: unknown;
  loaded: boolean;
}
function load(file: LocalModule, _from: string, _name: string, path: string): void {
  if (path.endsWith('throws.js')) throw new Error('thrown');
  file.exports = { path };
  file.loaded = !path.endsWith('torn-down.js');
}

/** As in jest 24 to 30.4: the runtime loads by a method of its own. */
class Runtime {
  requireModule(from: string, name: string): unknown {
    const module: LocalModule = { exports: {}, loaded: false };
    this._loadModule(module, from, name, `/app/${name}`);
    return module.exports;
  }
  _loadModule(...args: Parameters<typeof load>): void {
    load(...args);
  }
}

/** As from 30.5 on. */
class Loader {
  requireModule(from: string, name: string): unknown {
    const module: LocalModule = { exports: {}, loaded: false };
    this.loadModule(module, from, name, `/app/${name}`);
    return module.exports;
  }
  loadModule(...args: Parameters<typeof load>): void {
    load(...args);
  }
}
class RuntimeOfParts {
  cjsLoader = new Loader();
  requireModule(from: string, name: string): unknown {
    return this.cjsLoader.requireModule(from, name);
  }
}

it.each([
  ['one class', Runtime, [[Runtime.prototype, '_loadModule']]],
  [
    'a class of parts',
    RuntimeOfParts,
    [
      [RuntimeOfParts.prototype, 'requireModule'],
      [Loader.prototype, 'loadModule'],
    ],
  ],
] as const)('hears of each file that jest loads, and of none after its end: %s', (_name, Type, places) => {
  const methods = () => places.map(([owner, name]) => Reflect.get(owner, name) as unknown);
  const before = methods();
  const heard: string[] = [];
  const end = onJestModuleLoaded({ default: Type }, (filename, exports) => heard.push(`${filename} ${JSON.stringify(exports)}`));
  const runtime = new Type();
  expect(runtime.requireModule('/app/test.js', 'a.js')).toEqual({ path: '/app/a.js' });
  expect(new Type().requireModule('/app/test.js', 'b.js')).toEqual({ path: '/app/b.js' });
  expect(() => runtime.requireModule('/app/test.js', 'throws.js')).toThrow('thrown');
  runtime.requireModule('/app/test.js', 'torn-down.js');
  expect(heard).toEqual(['/app/a.js {"path":"/app/a.js"}', '/app/b.js {"path":"/app/b.js"}']);
  end();
  expect(methods()).toEqual(before);
  runtime.requireModule('/app/test.js', 'c.js');
  expect(heard).toHaveLength(2);
});

it.each([
  {},
  { default: class Other {} },
  {
    default: class Other {
      requireModule = 1;
    },
  },
  () => undefined,
])('leaves a runtime of another shape alone', (runtime) => {
  expect(() => onJestModuleLoaded(runtime, () => undefined)()).not.toThrow();
});

it('knows the file by its place in a package', () => {
  expect(isJestRuntime('/app/node_modules/jest-runtime/build/index.js')).toBe(true);
  expect(isJestRuntime('C:\\app\\node_modules\\jest-runtime\\build\\index.js')).toBe(true);
  expect(isJestRuntime('/app/build/index.js')).toBe(false);
});

it('however many listen and in whatever order they stop, Node loads as before in the end', () => {
  const owner = Module.prototype as unknown as { load: unknown };
  const before = owner.load;
  const ends = [1, 2, 3].map(() => onModuleLoaded(() => undefined));
  expect(owner.load).not.toBe(before);
  for (const end of ends) end();
  expect(owner.load).toBe(before);
  for (const end of ends) end();
  expect(owner.load).toBe(before);
});
