const key = 'otel-breaker token';

function stored(): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    // Switched off in this browser: memory will do.
    return undefined;
  }
}

let secret = stored();

/** The token, for as long as the tab is open. Never in a URL, a cookie, or anything that outlives the tab. */
export const token = {
  get: (): string | undefined => secret,
  set(value: string | undefined): void {
    secret = value;
    try {
      if (value === undefined) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, value);
    } catch {
      // As above.
    }
  },
};
