import { expect, it } from 'vitest';
import { loadConfiguration } from '../../src/config/configuration.ts';
import { configDir } from '../support/config-dir.ts';

it('policies under a system that has no use for them are warned of, where they stand', () => {
  const file = `version: 1
defaults: { fallback: { queue: { path: ./q }, origins: ["https://eu.example.com"] } }
systems:
  http:
    fallback:
      queue: { path: ./q, maxEntries: 5 }
      empty: true
  redis: { fallback: { queue: { path: ./q }, empty: true } }
breakers:
  - match: { system: pg, operation: write }
    fallback: { queue: { path: ./q } }
  - match: { system: "*" }
    fallback: { origins: ["https://eu.example.com"] }
  - match: { system: redis }
    fallback: { origins: ["https://eu.example.com"], forwardCredentials: false, empty: true }
`;
  const { warnings } = loadConfiguration({
    cwd: configDir({ 'otel-breaker.yaml': file }),
    env: {},
    code: { systems: { http: { fallback: { empty: true, value: 1 } } } },
  });
  expect(warnings).toEqual([
    'otel-breaker.yaml:6: systems.http.fallback.queue has no effect: only writes to Redis can be queued: what another server would have answered is not known without it',
    'otel-breaker.yaml:7: systems.http.fallback.empty has no effect: an empty answer would break who parses it: configure a value',
    expect.stringMatching(/^otel-breaker.yaml:11: breakers\[0\]\.fallback\.queue has no effect: only writes to Redis/),
    expect.stringMatching(/^otel-breaker.yaml:15: breakers\[2\]\.fallback\.origins has no effect: other origins are for HTTP/),
    'code: systems.http.fallback.empty has no effect: an empty answer would break who parses it: configure a value',
  ]);
});
