/** Where undici keeps the dispatcher used by default, shared by the copy inside Node and those of npm; which one it reads depends on its version. */
const first: unique symbol = Symbol.for('undici.globalDispatcher.1');
const second: unique symbol = Symbol.for('undici.globalDispatcher.2');

interface GlobalDispatchers {
  readonly [first]?: unknown;
  readonly [second]?: unknown;
}
const shared = globalThis as GlobalDispatchers;

/** The ones that were last seen not to be able to mock: both are looked at on every call. */
let seen: { readonly one: unknown; readonly other: unknown } = { one: undefined, other: undefined };

/** Whether undici's MockAgent answers in the network's place: that says nothing of any server. */
export function isMocking(dispatcher: unknown): boolean {
  return (dispatcher as { isMockActive?: unknown } | null | undefined)?.isMockActive === true;
}

/** Whether requests that name no dispatcher are mocked. */
export function isMockingByDefault(): boolean {
  const one = shared[first];
  const other = shared[second];
  if (one === seen.one && other === seen.other) return false;
  if (canMock(one) || canMock(other)) return isMocking(one) || isMocking(other);
  seen = { one, other };
  return false;
}

function canMock(dispatcher: unknown): boolean {
  return typeof dispatcher === 'object' && dispatcher !== null && 'isMockActive' in dispatcher;
}

/**
 * The prototypes on which the dispatchers in place dispatch; none while no undici has been loaded. When Node's own undici
 * was loaded first, the top-level functions of npm's use Node's agent, whose files nobody can hook.
 */
export function globalDispatcherBases(): Set<object> {
  const bases = new Set<object>();
  for (const dispatcher of [shared[first], shared[second]]) {
    const base = baseOf(dispatcher);
    if (base !== undefined) bases.add(base);
  }
  return bases;
}

/** Bases whose `dispatch` is guarded; empty in most processes, which use Node's own undici only. */
export const guardedBases = new Set<object>();
let latest = { dispatcher: undefined as unknown, guarded: 0, defers: false };

/**
 * Whether a `fetch` by that dispatcher (by default the one in place) comes to a guarded `dispatch` later than in the very
 * call, or more than once: then the call must be known there by its async context.
 */
export function mayDefer(given: unknown): boolean {
  const dispatcher: unknown = given ?? shared[first];
  if (latest.dispatcher !== dispatcher || latest.guarded !== guardedBases.size) {
    const base = baseOf(dispatcher);
    latest = { dispatcher, guarded: guardedBases.size, defers: base === undefined || guardedBases.has(base) };
  }
  return latest.defers;
}

function baseOf(dispatcher: unknown): object | undefined {
  for (let object = dispatcher; typeof object === 'object' && object !== null; object = Object.getPrototypeOf(object)) {
    const type = (object as { constructor?: { name?: unknown } }).constructor?.name;
    if (type === 'DispatcherBase' && Object.hasOwn(object, 'dispatch')) return object;
  }
  return undefined;
}
