import { type AskedKind, type Endpoint, endpointOf, interpolated, variablesIn } from '../config/check-url.ts';
import type { ResolvedCheck } from '../config/health.ts';
import type { Target } from '../core/target.ts';
import { askHttp } from './questions/http.ts';
import { askPostgresql } from './questions/postgresql.ts';
import { askRedis } from './questions/redis.ts';
import { askTcp } from './questions/tcp.ts';

const asks: Readonly<Record<AskedKind, (endpoint: Endpoint, check: ResolvedCheck, signal: AbortSignal) => Promise<string>>> = {
  redis: askRedis,
  postgresql: askPostgresql,
  http: askHttp,
  tcp: askTcp,
};

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What a check asks. By hand over sockets of its own, whatever clients the program has: those are guarded and traced, have pools
 * and their own patience, and are not to be found in a program that was bundled.
 */
export interface Question {
  /** As breakers name the same server; as far as it is known. */
  readonly target: Target;
  /** @returns what was asked. @throws why it is not well; the signal's reason when it is aborted */
  ask(signal: AbortSignal): Promise<string>;
}

/** @param env looked at when it is asked: many programs fill it after their start */
export function questionOf(check: ResolvedCheck, env: () => Environment): Question {
  const { kind, url = '' } = check;
  if (kind === 'function') return functionQuestion(check);
  let last: { readonly text: string; readonly endpoint: Endpoint } | undefined;
  const endpoint = (): Endpoint => {
    const text = interpolated(url, env());
    if (last?.text === text) return last.endpoint;
    const found = endpointOf(kind, text);
    if (found === undefined) throw new Error(`with ${variablesIn(url).join(', ')} put in, this is no URL for ${kind}`);
    last = { text, endpoint: found };
    return found;
  };
  return {
    get target() {
      try {
        return endpoint().target;
      } catch {
        return last?.endpoint.target ?? {};
      }
    },
    ask: async (signal) => asks[kind](endpoint(), check, signal),
  };
}

function functionQuestion({ check }: ResolvedCheck): Question {
  return {
    target: {},
    ask: async (signal) => {
      await check?.(signal);
      return 'function';
    },
  };
}
