import type { ObjectSchema, Schema } from '../core/schema.ts';
import { healthDefaults } from './health.ts';

const count = { kind: 'number', integer: true, min: 1, max: 1_000 } as const;
const text = { kind: 'string' } as const;
const texts = { kind: 'array', items: text } as const;
const time = { kind: 'number', duration: true, min: 0, max: 2_147_483_647 } as const;

const timing = {
  intervalMs: { ...time, exclusiveMin: true, description: 'from the end of a check to the next' },
  timeoutMs: { ...time, exclusiveMin: true, description: 'how long an answer may take' },
  failures: { ...count, description: 'failures in a row until it is down' },
  successes: { ...count, description: 'successes in a row until it is up' },
} as const satisfies Record<string, Schema>;

const url = (example: string, what: string): Schema => ({ ...text, description: `${what}: ${example}; \${NAME} is a variable of the environment` });

const check = {
  name: { ...text, description: 'for people and metrics' },
  redis: url('redis://user:password@10.0.0.5:6379', 'PING is asked there'),
  postgresql: url('postgresql://user:password@10.0.0.6:5432/shop', 'SELECT 1 is asked there'),
  http: url('https://api.example.com/health', 'GET is asked there'),
  tcp: url('mail.example.com:25', 'a connection is made there'),
  status: {
    kind: 'array',
    items: {
      kind: 'union',
      of: [{ kind: 'number', integer: true, min: 100, max: 599 }, text],
      words: 'a status such as 200, or a class such as 2xx',
    },
    description: 'which statuses are good (default: 2xx, 3xx)',
  },
  verifyTls: { kind: 'boolean', default: true, description: 'false: whatever certificate a server has, password and all are told to it' },
  critical: { kind: 'boolean', default: false, description: 'down, it makes the system critical; several are an emergency' },
  dependsOn: { ...texts, description: "other checks, or servers by their breakers' key: when one of them is down, it is the cause" },
  server: { ...text, description: "the key of the breakers' server that it speaks of, where its address is another" },
  ...timing,
} as const satisfies Record<string, Schema>;

const mode = {
  kind: 'enum',
  values: ['read-only', 'empty', 'bypass'],
  offable: true,
  description: 'how calls are served from this state of the system on',
} as const satisfies Schema;

function healthSchema(checkProperties: ObjectSchema['properties']): Schema {
  const withDefault = Object.fromEntries(
    Object.entries(timing).map(([key, schema]) => [key, { ...schema, default: healthDefaults[key as keyof typeof timing] }]),
  );
  return {
    kind: 'object',
    description: 'checks of what the service depends on, and what their outcome means',
    properties: {
      checks: { kind: 'array', items: { kind: 'object', properties: checkProperties, required: ['name'] } },
      critical: { ...texts, description: "servers known from traffic that are critical: host, host:port or a server's key; with * and ?" },
      ...withDefault,
      jitter: { kind: 'number', min: 0, max: 0.99, default: healthDefaults.jitter, description: 'random share of an interval added or taken' },
      steadyMs: {
        ...time,
        default: healthDefaults.steadyMs,
        description: 'how long a better state of the system must last before it counts',
      },
      degrade: { kind: 'object', properties: { degraded: mode, critical: mode, emergency: mode } },
    },
  };
}

/** In files. */
export const fileHealthSchema = healthSchema(check);

/** From code: functions too. */
export const codeHealthSchema = healthSchema({ ...check, check: { kind: 'function' } });
