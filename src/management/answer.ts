import type { ErrorCode, ErrorView, IssueView } from './wire.ts';

/** Where a stream of events goes: a response, or what stands for it in a test. */
export interface Sink {
  write(text: string): boolean;
  end(): void;
  destroy(): void;
  readonly writableLength: number;
  on(event: 'close' | 'drain', listener: () => void): unknown;
}

/** What is answered, not yet written. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /** Goes on writing; `body` is empty then. */
  readonly stream?: (sink: Sink) => void;
}

/** Why a request is not answered with what it asks for. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: ErrorCode,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
    readonly issues?: readonly IssueView[],
  ) {
    super(message);
  }
}

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body: JSON.stringify(value) };
}

export function refused({ status, code, message, headers, issues }: Refusal): Answer {
  const view: ErrorView = { error: { code, message, ...(issues !== undefined && { issues }) } };
  return json(view, status, headers);
}

/** On every answer: what a browser must not do with it. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};
