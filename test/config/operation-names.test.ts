import { expect, it } from 'vitest';
import { commandClasses } from '../../instrumentations/ioredis/command-class.ts';
import { operationClasses } from '../../instrumentations/pg/operation.ts';
import { loadConfiguration } from '../../src/config/configuration.ts';
import { operationNames } from '../../src/config/operation-names.ts';
import { configDir } from '../support/config-dir.ts';

it('the classes of operation are those of the instrumentations', () => {
  expect([...operationNames.redis].sort()).toEqual([...commandClasses].sort());
  expect([...operationNames.postgresql].sort()).toEqual([...operationClasses, 'connect'].sort());
});

it('a rule for a class of operation that its system does not have is warned of, where it stands', () => {
  const file = `version: 1
breakers:
  - match: { system: redis, operation: writ }
    mode: shadow
  - match: { system: pg, operation: SELECT }
    mode: shadow
  - match: { system: Redis, operation: write }
    mode: shadow
  - match: { system: postgresql, operation: connect }
    mode: shadow
  - match: { system: redis, operation: "wri*" }
    mode: shadow
  - match: { system: "*", operation: writ }
    mode: shadow
  - match: { system: mongodb, operation: find }
    mode: shadow
  - match: { operation: find }
    mode: shadow
  - match: { system: http, operation: read }
    mode: shadow
alerts:
  rules:
    - { name: BreakerSlowCalls, limit: 20s, match: { system: valkey, operation: raed } }
`;
  const code = { breakers: [{ match: { system: 'postgres', operation: 'reads' }, mode: 'shadow' as const }] };
  const redis = 'no such class of operation; of redis there are read, write, delete, scan, script, pubsub, blocking, admin, other';
  const pg = 'no such class of operation; of postgresql there are read, write, delete, listen, admin, connect';
  expect(loadConfiguration({ cwd: configDir({ 'otel-breaker.yaml': file }), env: {}, code }).warnings).toEqual([
    `otel-breaker.yaml:3: breakers[0].match.operation is writ: ${redis}; did you mean write?`,
    `otel-breaker.yaml:5: breakers[1].match.operation is SELECT: ${pg}`,
    'otel-breaker.yaml:19: breakers[8].match.operation is read: no such class of operation; http has none, but a circuit for each origin',
    `otel-breaker.yaml:23: alerts.rules[0].match.operation is raed: ${redis}; did you mean read?`,
    `code: breakers[0].match.operation is reads: ${pg}; did you mean read?`,
  ]);
});
