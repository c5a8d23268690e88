import type { Attributes, Span } from '@opentelemetry/api';
import type { ResolvedInjection } from '../core/injection.ts';
import type { TracedInjection } from '../core/tracer.ts';
import { ROOT_CONTEXT } from './api.ts';
import { type Logger, severity } from './logs-api.ts';
import { attributes as a, eventNames, spanEventNames } from './names.ts';

/** Breakers that one record lists. */
const maxListed = 32;

function attributesOf({ kind, share, latencyMs }: ResolvedInjection): Attributes {
  return { [a.faultKind]: kind, [a.faultShare]: share, ...(kind === 'latency' && { [a.faultLatency]: latencyMs / 1_000 }) };
}

/** That a call has met an injected fault, on a span that it concerns. */
export function addFault(span: Span, breaker: string, { kind, latencyMs, code, by }: ResolvedInjection): void {
  span.addEvent(spanEventNames.fault, {
    [a.name]: breaker,
    [a.faultKind]: kind,
    [a.faultBy]: by,
    ...(kind === 'latency' && { [a.faultLatency]: latencyMs / 1_000 }),
    ...(kind === 'error' && { [a.errorType]: code }),
  });
}

/** That faults are injected from now on, or no more: a person should look, and whoever is woken by an alarm should know. */
export function logInjection(logger: Logger, injection: TracedInjection, began: boolean, timestamp: number): void {
  const { fault, scope, breakers, calls } = injection;
  const names = breakers.map(({ name }) => name);
  const attributes: Attributes = {
    ...attributesOf(fault),
    [a.faultScope]: scope,
    [a.faultBreakers]: names.slice(0, maxListed),
    [a.faultDuration]: fault.durationMs / 1_000,
    [a.faultBy]: fault.by,
  };
  // Of one breaker, findable like all else of it.
  if (names.length === 1) attributes[a.name] = names[0] as string;
  if (fault.reason !== undefined) attributes[a.reason] = fault.reason;
  if (!began) attributes[a.faultCalls] = calls;
  logger.emit({
    eventName: began ? eventNames.faultsBegun : eventNames.faultsEnded,
    severityNumber: severity.WARN,
    severityText: 'WARN',
    body: began ? `faults are injected on purpose: ${said(injection)}` : `no longer injected: ${said(injection)}; ${calls} calls have met it`,
    attributes,
    timestamp,
    context: ROOT_CONTEXT,
  });
}

/** As `hang, half of the calls of redis://h:6379 read, for at most 60 s, by alice (game day)`. */
function said({ fault: { kind, share, latencyMs, code, durationMs, by, reason }, scope }: TracedInjection): string {
  const what = kind === 'latency' ? `latency of ${latencyMs} ms` : kind === 'error' ? `error ${code}` : kind;
  const whose = share === 1 ? 'every call' : `${Number((share * 100).toPrecision(3))} % of the calls`;
  return `${what}, ${whose} of ${scope}, for at most ${Math.ceil(durationMs / 1_000)} s, by ${by}${reason === undefined ? '' : ` (${reason})`}`;
}
