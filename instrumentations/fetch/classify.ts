import { isRejection } from '../../src/breaker/judge.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { isConnectionFault, refusesOutright } from '../shared/faults.ts';

/** Codes that speak of the server or the way to it, beyond those of the connection: its silence, or an answer that is no HTTP. */
const serverCodes: ReadonlySet<string> = new Set([
  'ENETRESET',
  'EPROTO',
  'ECALLTIMEOUT',
  'HOSTNAME_MISMATCH',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_PRX_TLS',
]);

/** Parser errors, name resolution, TLS and its certificates, HTTP/2. */
const serverCodeFamilies = /^(?:HPE_|EAI_|ERR_TLS_|ERR_SSL_|ERR_HTTP2_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

const timeoutCodes: ReadonlySet<unknown> = new Set(['ETIMEDOUT', 'ECALLTIMEOUT']);

/** How far to follow `cause`: fetch wraps what happened to the connection in a bare TypeError. */
const maxCauses = 3;

/** What a response's status says of the server. 501 and 505 tell of the request; of the 4xx only 408 and 429 tell of the server. */
export function outcomeOfStatus(status: number): Outcome {
  if (status === 408 || status === 429) return 'failure';
  return status >= 500 && status !== 501 && status !== 505 ? 'failure' : 'success';
}

/** Whether an error says that the server, or the way to it, failed: not the request, the caller or another breaker. */
export function isServerFault(error: unknown): boolean {
  if (isConnectionFault(error)) return true;
  for (let current = error, depth = 0; typeof current === 'object' && current !== null && depth <= maxCauses; depth += 1) {
    const { code, name, cause } = current as { code?: unknown; name?: unknown; cause?: unknown };
    if (name === 'TimeoutError') return true;
    if (typeof code === 'string' && (serverCodes.has(code) || serverCodeFamilies.test(code))) return true;
    current = cause;
  }
  return false;
}

/** A certificate, or a name it does not stand for: the same the next time. */
const lastingCodes = /^(?:CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_|HOSTNAME_MISMATCH)/;

/** Whether what failed a call may pass. */
export function isTransient(error: unknown): boolean {
  for (let current = error, depth = 0; typeof current === 'object' && current !== null && depth <= maxCauses; depth += 1) {
    const { code, cause } = current as { code?: unknown; cause?: unknown };
    if (typeof code === 'string' && lastingCodes.test(code)) return false;
    current = cause;
  }
  return true;
}

/** Whether nobody listens there. With several addresses, only when every one of them refuses. */
export function isRefused(error: unknown): boolean {
  for (let current = error, depth = 0; typeof current === 'object' && current !== null && depth <= maxCauses; depth += 1) {
    const { errors, cause } = current as { errors?: unknown; cause?: unknown };
    if (Array.isArray(errors)) return errors.length > 0 && errors.every((each) => refusesOutright(each));
    current = cause;
  }
  return refusesOutright(error);
}

/** Where nobody listens, in the words of an error that says so: the origin's own address, or that of a proxy on the way to it. */
export function refusedAt(error: unknown): { readonly host: string; readonly port: number } | { readonly path: string } | undefined {
  for (let current = error, depth = 0; typeof current === 'object' && current !== null && depth <= maxCauses; depth += 1) {
    const { address, port, errors, cause } = current as { address?: unknown; port?: unknown; errors?: unknown; cause?: unknown };
    if (typeof address === 'string') return typeof port === 'number' ? { host: address, port } : { path: address };
    current = Array.isArray(errors) ? errors[0] : cause;
  }
  return undefined;
}

/**
 * What it means that the caller took a call back. A deadline that ran out (`AbortSignal.timeout`, or an error that calls
 * itself a time-out) says that the server did not answer in time: a failure. Everything else is the caller's own affair.
 */
export function outcomeOfAbort(reason: unknown): Outcome | 'cancelled' {
  if (isRejection(reason)) return 'ignored';
  const { name, code } = (reason ?? {}) as { name?: unknown; code?: unknown };
  return name === 'TimeoutError' || timeoutCodes.has(code) ? 'failure' : 'cancelled';
}

/** What an error says that came in place of a response, where the caller did not abort: an unknown one is the request's fault. */
export function outcomeOfError(error: unknown): Outcome | 'cancelled' {
  if (isRejection(error)) return 'ignored';
  if (isServerFault(error)) return 'failure';
  return (error as { name?: unknown } | null | undefined)?.name === 'AbortError' ? 'cancelled' : 'ignored';
}
