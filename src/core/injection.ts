import { ConfigError, type ConfigIssue } from './errors.ts';
import { injectedFaultCode } from './injected-fault-error.ts';
import { check, type ObjectSchema, type Schema } from './schema.ts';

export const injectionKinds = ['error', 'latency', 'hang'] as const;
/** `error`: fails without reaching the dependency; `latency`: made, and answered later; `hang`: neither made nor answered. */
export type InjectionKind = (typeof injectionKinds)[number];

/** Nobody's game day takes longer, and what is forgotten is over by then. */
const longestMs = 3_600_000;
const longestLatencyMs = 300_000;
const usualMs = 60_000;

/** Faults to be injected on purpose, for a while. */
export interface InjectionOptions {
  readonly kind: InjectionKind;
  /** Share of calls that meet it, in (0, 1]. Default 1. */
  readonly share?: number;
  /** Of `latency`, which needs it: by how many ms calls take longer. */
  readonly latencyMs?: number;
  /** Time, in ms, after which it ends by itself; at most an hour. Default 60,000. */
  readonly durationMs?: number;
  /** What an `error` looks like. */
  readonly error?: {
    /** As in `error.code`, such as `ECONNRESET`. Default `EINJECTEDFAULT`. */
    readonly code?: string;
    readonly message?: string;
  };
  /** For the record: who or what began it. Default `code`. */
  readonly by?: string;
  /** For the record: why. */
  readonly reason?: string;
  /** Also in production, where it is refused otherwise. */
  readonly allowInProduction?: boolean;
}

export interface ResolvedInjection {
  readonly kind: InjectionKind;
  readonly share: number;
  readonly latencyMs: number;
  readonly durationMs: number;
  readonly code: string;
  /** `undefined`: one that says what it is. */
  readonly message: string | undefined;
  readonly by: string;
  readonly reason: string | undefined;
}

/** The JSON Schema cannot say how long a time may be that is written as text: {@link injectionIssues} does. */
const time = { kind: 'number', duration: true, min: 0, exclusiveMin: true, max: 2_147_483_647 } as const;

/** Shared by code, configuration and admin requests. */
export const injectionProperties = {
  kind: { kind: 'enum', values: injectionKinds, description: 'error: fails at once; latency: answered later; hang: never answered' },
  share: { kind: 'number', min: 0, exclusiveMin: true, max: 1, default: 1, description: 'share of calls that meet it' },
  latencyMs: { ...time, description: 'of latency: by how much calls take longer, at most five minutes' },
  durationMs: { ...time, default: usualMs, description: 'when it ends by itself, at most an hour' },
  error: {
    kind: 'object',
    description: 'of error: what it looks like',
    properties: {
      code: { kind: 'string', default: injectedFaultCode, description: 'such as ECONNRESET' },
      message: { kind: 'string' },
    },
  },
  reason: { kind: 'string', description: 'for the record: why' },
} as const satisfies Record<string, Schema>;

const codeSchema: ObjectSchema = {
  kind: 'object',
  properties: { ...injectionProperties, by: { kind: 'string' }, allowInProduction: { kind: 'boolean' } },
  required: ['kind'],
};

/** An error's code goes into metrics, and its message into logs. */
const soundCode = /^[\w.-]{1,64}$/;
const longestMessage = 200;

/** What does not go together, or cannot be. @param path where the options stand */
export function injectionIssues({ kind, latencyMs, durationMs = usualMs, error }: Partial<InjectionOptions>, path = ''): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
  if (kind === 'latency' && latencyMs === undefined)
    issues.push({ path: at('latencyMs'), value: undefined, allowed: 'a time in ms: kind is latency' });
  if (kind !== 'latency' && latencyMs !== undefined)
    issues.push({ path: at('latencyMs'), value: latencyMs, allowed: `nothing here: kind is ${kind}` });
  else if (latencyMs !== undefined && latencyMs > longestLatencyMs)
    issues.push({ path: at('latencyMs'), value: latencyMs, allowed: `a time in ms over 0 and at most ${longestLatencyMs}` });
  if (durationMs > longestMs) issues.push({ path: at('durationMs'), value: durationMs, allowed: `a time in ms over 0 and at most ${longestMs}` });
  if (kind !== 'error' && error !== undefined) issues.push({ path: at('error'), value: error, allowed: `nothing here: kind is ${kind}` });
  const { code, message } = error ?? {};
  if (code !== undefined && !soundCode.test(code))
    issues.push({ path: at('error.code'), value: code, allowed: 'at most 64 letters, digits, _, . and -, such as ECONNRESET' });
  if (message !== undefined && message.length > longestMessage)
    issues.push({ path: at('error.message'), value: message, allowed: `at most ${longestMessage} characters` });
  return issues;
}

/** @throws ConfigError naming everything that is wrong with it */
export function resolveInjection(options: InjectionOptions): ResolvedInjection {
  const issues: ConfigIssue[] = [];
  const checked = check(codeSchema, options, issues) as InjectionOptions;
  if (issues.length === 0) issues.push(...injectionIssues(checked));
  if (issues.length > 0) throw new ConfigError(issues);
  const { kind, share = 1, latencyMs = 0, durationMs = usualMs, error = {}, by = 'code', reason } = checked;
  return { kind, share, latencyMs, durationMs, code: error.code ?? injectedFaultCode, message: error.message, by, reason };
}
