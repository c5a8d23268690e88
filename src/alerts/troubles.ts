import type { AlertSeverity } from '../config/alerts-schema.ts';
import { type Alert, type AlertEvent, compareSeverity } from './alert.ts';
import type { Condition } from './condition.ts';
import type { Family } from './measures.ts';
import { timeText } from './wall-time.ts';
import { sentence } from './wording.ts';

/** What a server that fails brings about: it is slow, its pools run out, writes for it wait. */
const explained: ReadonlySet<Family> = new Set<Family>(['latency', 'capacity', 'queue']);
/** Their windows still have the outage in them, in ms. */
const aftermathMs = 300_000;
const resolvedKeptMs = 900_000;
const resolvedKept = 50;

/** Times at which something is so: of the registry's clock, and of people's. */
export interface Moment {
  readonly now: number;
  readonly epoch: number;
}

interface Trouble {
  readonly id: string;
  readonly family: Family;
  readonly place: string;
  readonly since: Moment;
  /** As it is, and as it was when it was told: what has been told is over in the end. */
  alert: Alert;
  told: Alert;
  /** All circuits that it has ever had. */
  readonly breakers: Set<string>;
}

/**
 * One alert for one trouble: rules of one family that hold for circuits and pools of one server are one, told as the most severe
 * of them; and while a server fails, what comes of that is told with it instead of apart.
 */
export class Troubles {
  readonly #firing = new Map<string, Trouble>();
  #resolved: { readonly alert: Alert; readonly at: number }[] = [];
  /** Until when the consequences of what a server goes or has gone through are excused. */
  readonly #aftermath = new Map<string, { readonly until: number; readonly severity: AlertSeverity }>();

  /** Firing, and those resolved of late. */
  get alerts(): Alert[] {
    return [...[...this.#firing.values()].map(({ alert }) => alert), ...this.#resolved.map(({ alert }) => alert)];
  }

  /**
   * @param held every condition there is, judged
   * @param down the servers that have a circuit which is not closed
   */
  update(held: readonly Condition[], down: ReadonlySet<string>, moment: Moment): AlertEvent[] {
    for (const place of down) this.#excuse(place, 'critical', moment.now);
    for (const { rule, subject, firing } of held)
      if (firing && rule.family === 'availability') this.#excuse(subject.place, rule.severity, moment.now);
    for (const [place, { until }] of this.#aftermath) if (moment.now >= until) this.#aftermath.delete(place);
    const groups = new Map<string, Condition[]>();
    const consequences = new Map<string, Set<string>>();
    for (const condition of held) {
      const { rule, subject } = condition;
      const id = idOf(condition);
      if (this.#isExcused(condition) && !this.#firing.has(id)) {
        consequences.set(subject.place, (consequences.get(subject.place) ?? new Set()).add(rule.name));
        condition.excuse(moment.now);
      } else if (condition.firing) {
        groups.set(id, [...(groups.get(id) ?? []), condition]);
      }
    }
    const events: AlertEvent[] = [];
    for (const [id, conditions] of groups) {
      const event = this.#fire(id, conditions, consequences, moment);
      if (event !== undefined) events.push(event);
    }
    for (const trouble of [...this.#firing.values()]) if (!groups.has(trouble.id)) events.push(this.#resolve(trouble, moment));
    this.#resolved = this.#resolved.filter(({ at }) => moment.now - at < resolvedKeptMs).slice(-resolvedKept);
    return events;
  }

  #excuse(place: string, severity: AlertSeverity, now: number): void {
    const known = this.#aftermath.get(place)?.severity ?? severity;
    this.#aftermath.set(place, { until: now + aftermathMs, severity: compareSeverity(known, severity) > 0 ? known : severity });
  }

  /** Nothing is excused by what is less severe. */
  #isExcused({ rule, subject }: Condition): boolean {
    const cause = this.#aftermath.get(subject.place);
    return cause !== undefined && explained.has(rule.family) && compareSeverity(cause.severity, rule.severity) >= 0;
  }

  #fire(
    id: string,
    conditions: readonly Condition[],
    consequences: ReadonlyMap<string, ReadonlySet<string>>,
    moment: Moment,
  ): AlertEvent | undefined {
    const { family } = (conditions[0] as Condition).rule;
    const { place } = (conditions[0] as Condition).subject;
    const known = this.#firing.get(id);
    const since = known?.since ?? moment;
    const also = family === 'availability' ? (consequences.get(place) ?? []) : [];
    const alert = alertOf(id, conditions, [...also], since);
    if (known === undefined) {
      this.#firing.set(id, { id, family, place, since, alert, told: alert, breakers: new Set(alert.breakers) });
      return { kind: 'firing', alert, lastedMs: 0 };
    }
    known.alert = alert;
    for (const breaker of alert.breakers) known.breakers.add(breaker);
    if (compareSeverity(alert.severity, known.told.severity) <= 0) return undefined;
    known.told = alert;
    return { kind: 'worse', alert, lastedMs: moment.now - since.now };
  }

  #resolve(trouble: Trouble, moment: Moment): AlertEvent {
    const breakers = [...trouble.breakers].sort();
    const { breaker: _, ...told } = trouble.told;
    const only = breakers.length === 1 ? { breaker: breakers[0] as string } : {};
    const alert: Alert = { ...told, ...only, breakers, state: 'resolved', resolvedAt: timeText(moment.epoch) };
    this.#firing.delete(trouble.id);
    // Of what comes again and again, the last.
    this.#resolved = [...this.#resolved.filter((each) => each.alert.id !== trouble.id), { alert, at: moment.now }];
    return { kind: 'resolved', alert, lastedMs: moment.now - trouble.since.now };
  }
}

function idOf({ rule, subject }: Condition): string {
  return `${rule.family} ${subject.place}`;
}

function alertOf(id: string, conditions: readonly Condition[], consequences: readonly string[], since: Moment): Alert {
  const lead = conditions.reduce((a, b) => (precedes(b, a) ? b : a)).rule;
  const concerned = conditions.filter(({ rule }) => rule.name === lead.name);
  const named = (kind: 'breaker' | 'pool'): string[] =>
    [...new Set(conditions.filter(({ subject }) => subject.kind === kind).map(({ subject }) => subject.name))].sort();
  const breakers = named('breaker');
  const { server } = (concerned[0] as Condition).subject.target;
  const ordered = conditions.toSorted((a, b) => (precedes(a, b) ? -1 : 1)).map(({ rule }) => rule);
  // Of two that look at the same, the more severe says it all.
  const rules = ordered.filter((rule, index) => ordered.findIndex(({ metric }) => metric === rule.metric) === index).map(({ name }) => name);
  return {
    id,
    name: lead.name,
    severity: lead.severity,
    state: 'firing',
    summary: sentence(lead, concerned),
    runbook: lead.runbook,
    rules,
    consequences,
    ...(server !== undefined && { server }),
    breakers,
    ...(breakers.length === 1 && { breaker: breakers[0] as string }),
    pools: named('pool'),
    value: Math.max(...concerned.map(({ value }) => value)),
    limit: lead.limit,
    since: timeText(since.epoch),
  };
}

function precedes(a: Condition, b: Condition): boolean {
  const bySeverity = compareSeverity(a.rule.severity, b.rule.severity);
  return bySeverity === 0 ? a.rule.order < b.rule.order : bySeverity > 0;
}
