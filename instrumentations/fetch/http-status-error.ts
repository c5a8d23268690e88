import { errorSettings } from '../../src/core/errors.ts';

/**
 * A failing status, for the breaker's books: the `cause` of later refusals. The caller gets the response itself.
 * `code` is the status as text, which is what OpenTelemetry's `error.type` of such a call is.
 */
export class HttpStatusError extends Error {
  override readonly name = 'HttpStatusError';
  readonly code: string;

  constructor(
    readonly origin: string,
    readonly status: number,
  ) {
    super(`${origin} answered ${status}`);
    this.code = String(status);
  }
}

/** Makes one without a stack trace, which would show this library only. */
export function httpStatusError(origin: string, status: number): HttpStatusError {
  if (errorSettings.stackTraces) return new HttpStatusError(origin, status);
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 0;
    return new HttpStatusError(origin, status);
  } finally {
    Error.stackTraceLimit = limit;
  }
}
