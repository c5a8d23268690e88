/** At most so many frames of ours stand between a caller and what he calls. */
const ownFrames = 10;

/** Frames of ours are not to push the caller's out of the stack of an error that is made within. @returns what {@link restoreStacks} takes back */
export function deepenStacks(): number {
  const limit = Error.stackTraceLimit;
  // Without stacks there is nothing to deepen, and nothing to take back.
  if (!(limit > 0)) return Number.NaN;
  setLimit(limit + ownFrames);
  return limit + ownFrames;
}

/** As they were, unless somebody has had them otherwise since. */
export function restoreStacks(deepened: number): void {
  if (Error.stackTraceLimit === deepened) setLimit(deepened - ownFrames);
}

function setLimit(limit: number): void {
  try {
    Error.stackTraceLimit = limit;
  } catch {
    // Frozen, as hardened programs have it.
  }
}
