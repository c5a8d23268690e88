/**
 * A wait that an aborted signal ends at once, with the signal's reason. `begin` starts it and returns what undoes it, which is
 * called exactly once however the wait ends: nothing stays behind on a signal that outlives the call.
 */
export function abortable<T>(
  signal: AbortSignal | undefined,
  begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  return new Promise<T>((resolve, reject) => {
    let undo: (() => void) | undefined;
    let over = false;
    const end = (): boolean => {
      if (over) return false;
      over = true;
      signal?.removeEventListener('abort', aborted);
      undo?.();
      return true;
    };
    const aborted = (): void => {
      if (end()) reject(signal?.reason);
    };
    signal?.addEventListener('abort', aborted, { once: true });
    undo = begin(
      (value) => {
        if (end()) resolve(value);
      },
      (error) => {
        if (end()) reject(error);
      },
    );
    if (over) undo();
  });
}
