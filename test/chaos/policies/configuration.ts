import type { Limits } from './types.ts';

/** What the file says, and what the judge holds the policies to. */
export const limits: Limits = { maxAgeMs: 15_000, attempts: 3, budget: { ratio: 0.1, minPerSecond: 2 }, longestMs: 16_000 };

export interface Places {
  /** Ports of the first origin, directly and through a proxy; and of the second one. */
  readonly first: readonly number[];
  readonly second: number;
  /** Of the queue. */
  readonly queue: string;
}

/** The whole configuration: nothing of it is in the program. */
export function configuration({ first, second, queue }: Places, readOnly: boolean): string {
  const { ratio, minPerSecond } = limits.budget;
  const common = `timeoutMs: 800ms, totalTimeoutMs: 3s, retry: { attempts: ${limits.attempts}, backoffMs: 50ms, budget: { ratio: ${ratio}, minPerSecond: ${minPerSecond} } }`;
  const stale = `stale: { maxAgeMs: ${limits.maxAgeMs} }`;
  const degraded = readOnly ? ', degraded: read-only' : '';
  const rules = first.map(
    (port) => `  - match: { server: "http://127.0.0.1:${port}" }\n    fallback: { origins: ["http://127.0.0.1:${second}"], ${stale} }\n`,
  );
  return `version: 1
systems:
  redis: { ${common}, bulkhead: { limit: 100, queue: 200, queueTimeoutMs: 1s }${degraded} }
  postgresql: { ${common}, bulkhead: { limit: 20, queue: 100, queueTimeoutMs: 1s }${degraded} }
  http: { ${common}, bulkhead: { limit: 30, queue: 100, queueTimeoutMs: 1s }${degraded} }
breakers:
  - match: { system: redis, operation: read }
    fallback: { ${stale} }
  - match: { system: redis, operation: write }
    fallback: { queue: { path: ${queue} } }
  - match: { system: postgresql, operation: read }
    fallback: { ${stale} }
${rules.join('')}`;
}
