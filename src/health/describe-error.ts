import { withoutCredentials } from '../core/credentials.ts';
import { errorType } from '../core/errors.ts';

const maxLength = 200;

/** Why a check failed, in one line without credentials. */
export function describeError(error: unknown): string {
  const text = textOf(error)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  const said = withoutCredentials(text);
  return said.length > maxLength ? `${said.slice(0, maxLength - 3)}...` : said;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === 'string' && error !== '' ? error : errorType(error);
  // Of several addresses of one host each failed by itself.
  if (error instanceof AggregateError && error.message === '') return [...new Set(error.errors.map(textOf))].join('; ') || errorType(error);
  // OpenSSL's own texts are made for its authors.
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  if (typeof code === 'string' && code.startsWith('ERR_SSL_') && typeof reason === 'string') return `TLS: ${reason} (${code})`;
  const { cause } = error;
  const below = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : '';
  return error.message === '' ? errorType(error) : `${error.message}${error.message === 'fetch failed' ? below : ''}`;
}
