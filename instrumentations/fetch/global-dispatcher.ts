/** Where undici keeps the dispatcher used by default, shared by the copy inside Node and those of npm; which one it reads depends on its version. */
const keys = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')] as const;

function globalDispatchers(): object[] {
  const found = keys.map((key): unknown => Reflect.get(globalThis, key));
  return found.filter((each): each is object => typeof each === 'object' && each !== null);
}

/** Whether undici's MockAgent answers in the network's place: that says nothing of any server. */
export function isMocking(dispatcher: unknown): boolean {
  return (dispatcher as { isMockActive?: unknown } | null | undefined)?.isMockActive === true;
}

/** Whether requests that name no dispatcher are mocked. */
export function isMockingByDefault(): boolean {
  return isMocking(Reflect.get(globalThis, keys[0])) || isMocking(Reflect.get(globalThis, keys[1]));
}

/**
 * The prototypes on which the dispatchers in place dispatch; none while no undici has been loaded. When Node's own undici
 * was loaded first, the top-level functions of npm's use Node's agent, whose files nobody can hook.
 */
export function globalDispatcherBases(): Set<object> {
  const bases = new Set<object>();
  for (const dispatcher of globalDispatchers()) {
    for (let object: object | null = dispatcher; object !== null; object = Object.getPrototypeOf(object) as object | null) {
      const type = (object as { constructor?: { name?: unknown } }).constructor?.name;
      if (Object.hasOwn(object, 'dispatch') && type === 'DispatcherBase') bases.add(object);
    }
  }
  return bases;
}
