import { StorageError } from '../core/errors.ts';
import type { HttpHead, HttpRecord, HttpRules } from '../policies/stale-cache/http-rules.ts';
import { wallTime } from './wall-time.ts';

export type { HttpHead, HttpRecord, HttpRules } from '../policies/stale-cache/http-rules.ts';

/** What is used of `http-cache-semantics`, described structurally. */
interface Policy {
  storable(): boolean;
  age(): number;
  toObject(): HttpRecord;
  evaluateRequest(request: HttpHead): { readonly response?: unknown };
}
interface PolicyClass {
  new (request: HttpHead, response: HttpHead, options: { shared: boolean }): Policy;
  fromObject(record: HttpRecord): Policy;
}

/**
 * @param now the wall clock in ms: ages of responses are counted in it
 * @throws StorageError if `http-cache-semantics` is not installed: at start, not in the first outage
 */
export async function httpRules(now: () => number = wallTime): Promise<HttpRules> {
  const Base = await load();
  const Timed = class extends Base {
    now(): number {
      return now();
    }
  } as unknown as PolicyClass;
  return {
    keep(request, response, shared) {
      // A cookie is for the one who asked.
      if (shared && Object.hasOwn(response.headers, 'set-cookie')) return undefined;
      const policy = new Timed(request, response, { shared });
      return policy.storable() ? policy.toObject() : undefined;
    },
    mayServe(record, request) {
      const limit = longestStale(record);
      if (limit === undefined) return undefined;
      const policy = Timed.fromObject(record);
      const asked = request.headers['cache-control'];
      // A caller who says no-cache, max-age, min-fresh or max-stale is heard; beyond that staleness is ours to allow.
      const cacheControl = asked === undefined ? limit : asked.includes('max-stale') ? asked : `${asked}, ${limit}`;
      const { response } = policy.evaluateRequest({ ...request, headers: { ...request.headers, 'cache-control': cacheControl } });
      return response === undefined ? undefined : policy.age();
    },
  };
}

/** `undefined` where the response itself forbids it (RFC 9111, 4.2.4); a bound where it names one (RFC 5861, 4). */
function longestStale(record: HttpRecord): string | undefined {
  const directives = record['rescc'] as Readonly<Record<string, string | true>>;
  const shared = record['sh'] !== false;
  const forbidden = ['no-cache', 'must-revalidate', ...(shared ? ['proxy-revalidate', 's-maxage'] : [])];
  if (forbidden.some((name) => Object.hasOwn(directives, name))) return undefined;
  const bound = directives['stale-if-error'];
  return typeof bound === 'string' && /^\d+$/.test(bound) ? `max-stale=${bound}` : 'max-stale';
}

async function load(): Promise<PolicyClass> {
  try {
    // @ts-expect-error: it has no types, and need not be there
    const { default: found } = (await import('http-cache-semantics')) as { default: PolicyClass };
    return found;
  } catch (cause) {
    throw new StorageError('stale answers of HTTP need the package http-cache-semantics: npm install http-cache-semantics', '', cause);
  }
}
