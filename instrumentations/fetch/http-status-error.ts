import { errorSettings } from '../../src/core/errors.ts';

/**
 * A failing status, for the breaker's books: the `cause` of later refusals. The caller gets the response itself.
 * `code` is the status as text, which is what OpenTelemetry's `error.type` of such a call is.
 */
export class HttpStatusError extends Error {
  override readonly name = 'HttpStatusError';
  readonly code: string;
  declare readonly retryAfterMs?: number;

  constructor(
    readonly origin: string,
    readonly status: number,
    /** When the server asked to be asked again, in ms; absent where it said nothing. */
    retryAfterMs = 0,
  ) {
    super(`${origin} answered ${status}`);
    this.code = String(status);
    if (retryAfterMs > 0) this.retryAfterMs = retryAfterMs;
  }
}

/** Makes one without a stack trace, which would show this library only. */
export function httpStatusError(origin: string, status: number, retryAfterMs?: number): HttpStatusError {
  if (errorSettings.stackTraces) return new HttpStatusError(origin, status, retryAfterMs);
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 0;
    return new HttpStatusError(origin, status, retryAfterMs);
  } finally {
    Error.stackTraceLimit = limit;
  }
}
