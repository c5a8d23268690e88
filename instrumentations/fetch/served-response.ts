import { isPlainObject } from '../../src/core/schema.ts';

/** The class of what a `fetch` answers with: npm's undici has one of its own. */
export interface Responses {
  readonly Response: typeof Response;
}

/** What a configured value may say besides its body. */
interface Described {
  readonly status: number;
  readonly statusText?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}
const described: ReadonlySet<string> = new Set(['status', 'statusText', 'headers', 'body']);

/** Statuses that a Response may not have a body with. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * A Response made of a configured value: `{ status, statusText, headers, body }` as it says, and anything else as the body of
 * a 200. A text is sent as it is, everything else as JSON.
 */
export function servedResponse(value: unknown, method: string, url: string, { Response }: Responses): Response {
  const { status, statusText = '', headers, body } = isDescribed(value) ? value : { status: 200, body: value };
  const made = new Headers(headers);
  const isText = typeof body === 'string';
  if (body !== undefined && !made.has('content-type')) made.set('content-type', isText ? 'text/plain;charset=UTF-8' : 'application/json');
  const content = method === 'HEAD' || bodiless.has(status) || body === undefined ? null : isText ? body : JSON.stringify(body);
  return withUrl(new Response(content, { status, statusText, headers: made }), url);
}

/** The constructor leaves it empty, and callers resolve links against it. */
export function withUrl<R extends object>(response: R, url: string): R {
  return Object.defineProperty(response, 'url', { value: url, configurable: true });
}

function isDescribed(value: unknown): value is Described {
  if (!isPlainObject(value)) return false;
  const { status } = value;
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) return false;
  return Object.keys(value).every((key) => described.has(key));
}
