import { replaceMethod } from './replace-method.ts';

/** Whether a file is the part of jest that loads what tests require. */
export function isJestRuntime(filename: string): boolean {
  return /[\\/]jest-runtime[\\/]build[\\/]index\.js$/.test(filename);
}

/**
 * jest evaluates the files of its tests itself, in contexts of their own: Node hears nothing of them. Tells of each CommonJS
 * file that jest has loaded, by the method that loads one, whose arguments have been the same since jest 24.
 * @param runtime what `jest-runtime` exports; another shape than is known is left alone
 * @returns what ends it
 */
export function onJestModuleLoaded(runtime: unknown, tell: (filename: string, exports: unknown) => void): () => void {
  const { default: type = runtime } = runtime as { default?: unknown };
  const prototype = (type as { prototype?: object } | undefined)?.prototype;
  if (prototype === undefined) return () => undefined;
  if ('_loadModule' in prototype) return listen(prototype, '_loadModule', tell);
  // From 30.5 on it belongs to a part that each runtime makes for itself: the first call shows its class.
  let undo = replaceMethod(prototype, 'requireModule', (original, self, args) => {
    const loader = (self as { cjsLoader?: object } | undefined)?.cjsLoader;
    if (loader !== undefined) {
      undo();
      undo = listen(Object.getPrototypeOf(loader) as object, 'loadModule', tell);
    }
    return original(self, args);
  });
  return () => undo();
}

function listen(owner: object, name: string, tell: (filename: string, exports: unknown) => void): () => void {
  return replaceMethod(owner, name, (original, self, args) => {
    const result = original(self, args);
    const [module, , , filename] = args as [{ exports?: unknown; loaded?: boolean } | undefined, unknown, unknown, unknown];
    if (module?.loaded === true && typeof filename === 'string') tell(filename, module.exports);
    return result;
  });
}
