import type { AlertSeverity } from '../config/alerts-schema.ts';

/** One trouble, for people: as the management server and webhooks tell it. Times are ISO 8601 texts. */
export interface Alert {
  /** The same for as long as it lasts, and when it comes again: `availability redis://10.0.0.5:6379`. */
  readonly id: string;
  /** Of the rule that matters most of those that hold. */
  readonly name: string;
  readonly severity: AlertSeverity;
  readonly state: 'firing' | 'resolved';
  /** One sentence for a person. */
  readonly summary: string;
  /** What to do. */
  readonly runbook: string;
  /** All rules that hold, and those that hold for the same server because of it. */
  readonly rules: readonly string[];
  readonly consequences: readonly string[];
  /** The server, where it is known. */
  readonly server?: string;
  /** The circuits concerned; `breaker` where it is one. */
  readonly breakers: readonly string[];
  readonly breaker?: string;
  readonly pools: readonly string[];
  /** What the rule measured, the worst of all concerned, and its limit, in its own unit. */
  readonly value: number;
  readonly limit: number;
  /** When it began to fire. */
  readonly since: string;
  readonly resolvedAt?: string;
}

/** Something to be told: an alert that begins, that has become more severe, or that is over. */
export interface AlertEvent {
  readonly kind: 'firing' | 'worse' | 'resolved';
  readonly alert: Alert;
  /** How long it has been firing, in ms. */
  readonly lastedMs: number;
}

const severities: readonly AlertSeverity[] = ['info', 'warning', 'critical'];

/** Above 0 where `a` is the more severe. */
export function compareSeverity(a: AlertSeverity, b: AlertSeverity): number {
  return severities.indexOf(a) - severities.indexOf(b);
}
