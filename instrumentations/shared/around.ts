/** Calls what the guard stands in front of. May be called later, too; at most once per guarded call. */
export type Original = (self: unknown, args: readonly unknown[]) => unknown;

/**
 * What a guard does around a call: it calls `original(self, args)` and returns what that returned, or refuses without calling it.
 * A throw of its own is reported and the original called in its place; a throw of the original's, or of a breaker's refusal, passes.
 */
export type Around = (original: Original, self: unknown, args: readonly unknown[]) => unknown;

/** A call that goes on with other arguments. */
export interface GoesOn {
  readonly args: readonly unknown[];
  /** It has thrown, and does so to its caller. */
  threw?(error: unknown): void;
}

/** For a method that calls already guarded go through as well: those go on, with no more than that around them, and `around` is for all others. */
export interface Through {
  /** How a call that is guarded already goes on, `undefined` for any other. A throw of its own is reported, and the call goes on as it is. */
  through(self: unknown, args: readonly unknown[]): GoesOn | undefined;
  readonly around: Around;
}

/** The call goes on as it is. No answer of a call's can be mistaken for it. */
export const goOn = Symbol('go on');

/**
 * The same for what is called so often that an object per call counts, of a function or of arguments: it decides before the call, by the first
 * two of them, and hears of it again only if that throws.
 */
export interface Before {
  /** What is in the guarded slot: read by a name that is written out, which V8 knows where to find; one name after another it has to look up. */
  current?(owner: object): unknown;
  /**
   * {@link goOn}, or the answer of a call that is not to go on now; `original` may make it later. A throw of its own is reported, and the call goes
   * on.
   */
  before(self: unknown, first: unknown, second: unknown, original: Original): unknown;
  /** A call that went on has thrown, and does so to its caller: what was taken for it is to be given back. */
  threw?(self: unknown, first: unknown): void;
}
