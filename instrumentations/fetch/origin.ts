import type { Target } from '../../src/core/target.ts';
import { maxRememberedOrigins } from './defaults.ts';

/** The part of a plain URL that decides its origin. Whatever looks unusual is left to the URL parser. */
const plainStart = /^https?:\/\/[a-z0-9.\-_:[\]]+(?=[/?#]|$)/i;
const remembered = new Map<string, string | undefined>();
/** Most calls go where the one before went. */
let latest: { readonly start: string; readonly origin: string | undefined } = { start: '\0', origin: undefined };

/** The origin of an HTTP URL such as `http://127.0.0.1:8080`; `undefined` for what is no such URL. Never throws. */
export function originOf(url: string): string | undefined {
  if (url.startsWith(latest.start) && endsOrigin(url.charCodeAt(latest.start.length))) return latest.origin;
  const start = plainStart.exec(url)?.[0];
  // Parsing a `data:` URL of megabytes would cost more than using it.
  if (start === undefined) return /^\s*https?:/i.test(url) ? parsed(url) : undefined;
  let origin = remembered.get(start);
  if (origin === undefined) {
    origin = parsed(start);
    if (remembered.size >= maxRememberedOrigins) remembered.clear();
    remembered.set(start, origin);
  }
  latest = { start, origin };
  return origin;
}

/** Whether an origin that has come so far ends before that character: `/`, `?`, `#` or the end of the text. */
function endsOrigin(code: number): boolean {
  return code === 0x2f || code === 0x3f || code === 0x23 || Number.isNaN(code);
}

function parsed(url: string): string | undefined {
  try {
    const { protocol, origin, port } = new URL(url);
    // Nobody can listen on port 0: there is no server to protect.
    if (port === '0') return undefined;
    return protocol === 'http:' || protocol === 'https:' ? origin : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The origin that the first argument of `fetch` names: a text, a URL or a Request. `undefined` for anything else, of which
 * the original makes a text, or refuses it: to do so here would run its `toString` a second time.
 */
export function originOfInput(input: unknown): string | undefined {
  if (typeof input === 'string') return originOf(input);
  if (typeof input !== 'object' || input === null) return undefined;
  const { [Symbol.toStringTag]: tag } = input as { [Symbol.toStringTag]?: unknown };
  const address: unknown = tag === 'Request' ? (input as { url?: unknown }).url : tag === 'URL' ? (input as { href?: unknown }).href : undefined;
  return typeof address === 'string' ? originOf(address) : undefined;
}

/** What a breaker of an origin protects: the origin is the server too. */
export function targetOf(origin: string): Target {
  const { protocol, hostname, port } = new URL(origin);
  const standardPort = protocol === 'https:' ? 443 : 80;
  return {
    system: 'http',
    address: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    port: port === '' ? standardPort : Number(port),
    server: origin,
  };
}
