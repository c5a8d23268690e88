const noted = new WeakSet<object>();

/** Notes an error that a client's own attempt to connect failed with, and returns it. */
export function noteConnectError(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) noted.add(error);
  return error;
}

/**
 * Whether a connection could not be made. What else comes of asking a pool for a client is the application's: its
 * `onConnect` or `verify` failed on a connection that is there. A pool may wrap the error in one of its own.
 */
export function isConnectError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if (noted.has(error)) return true;
  const { cause } = error as { cause?: unknown };
  return typeof cause === 'object' && cause !== null && noted.has(cause);
}
