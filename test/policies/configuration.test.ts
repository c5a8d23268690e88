import { describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../src/config/configuration.ts';
import type { Environment } from '../../src/config/environment.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { resolveOptions } from '../../src/core/options.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { configDir } from '../support/config-dir.ts';

const http = { system: 'http', address: 'api.example.com', port: 443 };

function policiesFrom(yaml: string, env: Environment = {}, target = http) {
  const { resolve } = loadConfiguration({ env, cwd: configDir({ 'otel-breaker.yaml': yaml }) });
  const { options, problem } = resolve('https://api.example.com', target);
  if (problem !== undefined) throw problem;
  return resolveOptions(options).policies;
}

const yaml = `
version: 1
defaults:
  retry: { budget: { ratio: 0.1 } }
systems:
  http:
    totalTimeoutMs: 5s
    retry: { attempts: 4, backoffMs: 250ms, jitter: equal }
breakers:
  - match: { server: api.example.com }
    retry: { budget: { minPerSecond: 2 } }
    bulkhead: { limit: 50, queue: 10, queueTimeoutMs: 500ms }
    rateLimit: { limit: 20 }
    fallback: { origins: ["https://eu.example.com"], when: [rejected, timeout], value: { items: [] } }
`;

describe('policies by configuration', () => {
  it('are laid over each other key by key, from the general to the specific', () => {
    expect(policiesFrom(yaml)).toEqual({
      totalTimeoutMs: 5_000,
      retry: {
        attempts: 4,
        backoffMs: 250,
        maxBackoffMs: 2_000,
        jitter: 'equal',
        nonIdempotent: false,
        retryIf: undefined,
        budget: { ratio: 0.1, minPerSecond: 2 },
      },
      bulkhead: { limit: 50, queue: 10, queueTimeoutMs: 500 },
      rateLimit: { limit: 20, intervalMs: 1_000, burst: 20 },
      fallback: { origins: ['https://eu.example.com'], when: ['rejected', 'timeout'], value: { items: [] }, empty: false, forwardCredentials: false },
    });
  });

  it('leave a fallback’s value whole, whatever lies below it', () => {
    const policies = policiesFrom('defaults: { fallback: { value: { a: 1 } } }\nsystems: { http: { fallback: { value: { b: 2 } } } }');
    expect(policies?.fallback?.value).toEqual({ b: 2 });
  });

  it('are switched off like any rule', () => {
    expect(policiesFrom('defaults: { retry: {}, degraded: read-only }\nsystems: { http: { retry: off, degraded: off } }')).toBeUndefined();
    expect(policiesFrom('defaults: { retry: { budget: off } }')?.retry?.budget).toBeUndefined();
  });

  it('come from the environment too', () => {
    const env = {
      OTEL_BREAKER_HTTP_RETRY_ATTEMPTS: '5',
      OTEL_BREAKER_RETRY_BUDGET: 'off',
      OTEL_BREAKER_TOTAL_TIMEOUT_MS: '3s',
      OTEL_BREAKER_BULKHEAD_LIMIT: '7',
      OTEL_BREAKER_FALLBACK_WHEN: 'rejected,timeout',
      OTEL_BREAKER_FALLBACK_VALUE: 'none',
      OTEL_BREAKER_FALLBACK_QUEUE_PATH: 'writes',
      OTEL_BREAKER_FALLBACK_QUEUE_COMMANDS: 'HMSET, rename',
      OTEL_BREAKER_DEGRADED: 'read-only',
    };
    expect(policiesFrom('version: 1', env)).toMatchObject({
      totalTimeoutMs: 3_000,
      retry: { attempts: 5, budget: undefined },
      bulkhead: { limit: 7, queue: 0 },
      fallback: { when: ['rejected', 'timeout'], value: 'none', queue: { path: 'writes', commands: ['hmset', 'rename'] } },
      degraded: 'read-only',
    });
  });

  it('that do not fit each other are refused at the start, with where they stand', () => {
    const load = (text: string) => () => loadConfiguration({ env: {}, cwd: configDir({ 'otel-breaker.yaml': text }) });
    expect(load('defaults: { bulkhead: { queue: 5 } }')).toThrow(ConfigError);
    expect(load('defaults: { bulkhead: { queue: 5 } }')).toThrow('defaults.bulkhead.limit');
    expect(load('breakers: [{ match: { system: http }, timeoutMs: 2s, totalTimeoutMs: 1s }]')).toThrow('breakers[0].totalTimeoutMs');
    expect(load('defaults: { retry: { retryIf: x } }')).toThrow('retry.retryIf');
    expect(load('defaults: { fallback: { tiers: [] } }')).toThrow('fallback.tiers');
    expect(load('systems: { redis: { fallback: { queue: { path: x, commands: [hmset, INCR] } } } }')).toThrow(
      /systems\.redis\.fallback\.queue\.commands\[1\] .*is "INCR"; allowed: one of hmset, .*the new value/,
    );
  });

  it('reach a breaker’s calls without a line of code', async () => {
    const { resolve } = loadConfiguration({ env: {}, cwd: configDir({ 'otel-breaker.yaml': 'systems: { http: { fallback: { value: 7 } } }' }) });
    const breaker = createRegistry({ resolve }).get('https://api.example.com', http);
    const attempt = () => breaker.run(() => Promise.reject<number>(new Error('down')));
    expect(await policiesOf(breaker)?.run({ breaker, idempotent: true, attempt })).toBe(7);
  });
});
