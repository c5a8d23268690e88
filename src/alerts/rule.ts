import type { AlertMetric, AlertSeverity } from '../config/alerts-schema.ts';
import type { Family, Measure } from './measures.ts';
import type { Subject } from './subjects.ts';

/** A rule as it is for one breaker or pool, complete. */
export interface Rule {
  readonly name: string;
  readonly metric: AlertMetric;
  readonly measure: Measure;
  readonly family: Family;
  readonly severity: AlertSeverity;
  readonly limit: number;
  readonly clear: number;
  readonly minimumCalls: number;
  readonly windowMs: number;
  readonly clearWindowMs: number;
  readonly forMs: number;
  readonly clearForMs: number;
  readonly summary: string;
  readonly runbook: string;
  /** Of two that are as severe, the one with the lower number is told. */
  readonly order: number;
}

/** Length of a tick of the history, in ms. */
export const tickMs = 5_000;

/** What a rule measures of a subject within a time; `undefined` where there is nothing to judge by. */
export function measured({ measure }: Rule, subject: Subject, windowMs: number, minimumCalls: number): number | undefined {
  const ticks = Math.ceil(windowMs / tickMs);
  if (measure.of === 'pool') return subject.kind === 'pool' ? measure.read(subject, ticks, minimumCalls) : undefined;
  return subject.kind === 'breaker' ? measure.read(subject, ticks, minimumCalls) : undefined;
}
