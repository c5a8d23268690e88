import type { Attributes } from '@opentelemetry/api';
import { ROOT_CONTEXT } from './api.ts';
import { type Logger, severity } from './logs-api.ts';
import { attributes as a, eventNames } from './names.ts';

/** An alert that begins, has become more severe, or is over. */
export interface AlertLogEvent {
  readonly kind: 'firing' | 'worse' | 'resolved';
  readonly alert: {
    readonly id: string;
    readonly name: string;
    readonly severity: 'info' | 'warning' | 'critical';
    readonly summary: string;
    readonly rules: readonly string[];
    readonly consequences: readonly string[];
    readonly breakers: readonly string[];
    readonly breaker?: string;
    readonly server?: string;
    readonly value: number;
    readonly limit: number;
  };
  readonly lastedMs: number;
}

/** Breakers that one record lists. */
const maxListed = 32;

const severities = { info: 'INFO', warning: 'WARN', critical: 'ERROR' } as const;

/** An alert as a log record. It belongs to no call. */
export function logAlert(logger: Logger, { kind, alert, lastedMs }: AlertLogEvent, timestamp: number): void {
  const { id, name, severity: graveness, summary, rules, consequences, breakers, breaker, server, value, limit } = alert;
  const over = kind === 'resolved';
  const attributes: Attributes = {
    [a.alertId]: id,
    [a.alertName]: name,
    [a.alertState]: over ? 'resolved' : 'firing',
    [a.alertSeverity]: graveness,
    [a.alertRules]: [...rules],
    [a.alertValue]: value,
    [a.alertLimit]: limit,
  };
  if (consequences.length > 0) attributes[a.alertConsequences] = [...consequences];
  if (breakers.length > 0) attributes[a.alertBreakers] = breakers.slice(0, maxListed);
  // Of one breaker, findable like all else of it.
  if (breaker !== undefined) attributes[a.name] = breaker;
  if (server !== undefined) attributes[a.alertServer] = server;
  if (over) attributes[a.alertDuration] = lastedMs / 1_000;
  const text = over ? 'INFO' : severities[graveness];
  logger.emit({
    eventName: eventNames.alert,
    severityNumber: severity[text],
    severityText: text,
    body: over ? `${name} resolved after ${Math.round(lastedMs / 1_000)} s: ${summary}` : `${name}: ${summary}`,
    attributes,
    timestamp,
    context: ROOT_CONTEXT,
  });
}
