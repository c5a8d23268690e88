import type { AlertRuleInput } from '../config/alerts-schema.ts';
import { Emitter } from '../core/emitter.ts';
import type { BreakerPast } from '../history/breaker-past.ts';
import type { History } from '../history/history.ts';
import type { PoolSeat } from '../registry/pools.ts';
import type { Registry } from '../registry/registry.ts';
import type { Alert, AlertEvent } from './alert.ts';
import { type Condition, conditionOf } from './condition.ts';
import { Rulebook } from './rulebook.ts';
import { BreakerSubject, PoolSubject, type Subject } from './subjects.ts';
import { Troubles } from './troubles.ts';
import { wallTime } from './wall-time.ts';

interface AlertEvents {
  /** Something to tell. */
  told: AlertEvent;
  /** The same as it is shown. */
  alert: Alert;
}

/**
 * Looks at every breaker and pool of a registry after each round of samples (every 5 s), by rules that are data. Reads plain numbers
 * only: calls pay nothing for it, and what is well costs no memory.
 */
export class Alerts {
  readonly #registry: Registry;
  readonly #history: History;
  readonly #held: Disposable;
  readonly #events = new Emitter<AlertEvents>();
  readonly #breakers = new Map<string, BreakerSubject>();
  readonly #pools = new Map<PoolSeat, PoolSubject>();
  readonly #troubles = new Troubles();
  #rulebook: Rulebook;
  #made = 0;

  constructor(registry: Registry, history: History, rules: readonly AlertRuleInput[] = []) {
    this.#registry = registry;
    this.#history = history;
    this.#rulebook = new Rulebook(rules);
    this.#held = history.onSampled((tick) => this.#look(tick));
  }

  /**
   * Takes on other rules. What holds goes on holding, by its rule as it is now; of a rule that is gone, it is over.
   * @param rules beside ours, or what ours shall be otherwise; `none`: not even ours
   */
  configure(rules: readonly AlertRuleInput[] | 'none'): void {
    this.#rulebook = new Rulebook(rules);
  }

  /** Firing, and those resolved of late. */
  alerts(): readonly Alert[] {
    return this.#troubles.alerts;
  }

  on<K extends keyof AlertEvents>(name: K, listener: (event: AlertEvents[K]) => void): Disposable {
    return this.#events.on(name, listener);
  }

  close(): void {
    this.#held[Symbol.dispose]();
  }

  #look(tick: number): void {
    const now = this.#registry.clock.now();
    this.#bringUpToDate(tick);
    const held: Condition[] = [];
    const down = new Set<string>();
    for (const subject of this.#breakers.values()) {
      this.#judge(subject, now, held);
      const { state } = subject.breaker;
      if (state === 'open' || state === 'half_open') down.add(subject.place);
    }
    for (const subject of this.#pools.values()) this.#judge(subject, now, held);
    for (const event of this.#troubles.update(held, down, { now, epoch: wallTime() })) {
      this.#events.emit('told', event);
      this.#events.emit('alert', event.alert);
    }
  }

  #bringUpToDate(tick: number): void {
    const { pasts } = this.#history;
    for (const [name, { past }] of this.#breakers) if (pasts.get(name) !== past || past.goneSince !== undefined) this.#breakers.delete(name);
    for (const past of pasts.values()) if (past.goneSince === undefined) this.#subjectOf(past).sampled(tick);
    const seats = new Set<PoolSeat>();
    for (const [seat, reading] of this.#registry.pools.read()) {
      seats.add(seat);
      const known = this.#pools.get(seat);
      if (known === undefined) this.#pools.set(seat, new PoolSubject(seat, reading, tick));
      else known.sampled(tick, reading);
    }
    for (const seat of this.#pools.keys()) if (!seats.has(seat)) this.#pools.delete(seat);
  }

  #subjectOf(past: BreakerPast): BreakerSubject {
    let subject = this.#breakers.get(past.name);
    if (subject === undefined) {
      subject = new BreakerSubject(past, this.#made);
      this.#made += 1;
      this.#breakers.set(past.name, subject);
    }
    return subject;
  }

  #judge(subject: Subject, now: number, held: Condition[]): void {
    if (subject.rules?.of !== this.#rulebook) subject.rules = { of: this.#rulebook, list: this.#rulebook.for(subject) };
    const before = subject.conditions;
    let after: Map<string, Condition> | undefined;
    for (const rule of subject.rules.list) {
      let condition = before?.get(rule.name);
      if (condition === undefined) {
        condition = conditionOf(rule, subject, now);
        if (condition === undefined) continue;
      } else {
        condition.rule = rule;
        if (!condition.judge(now)) continue;
      }
      after ??= new Map();
      after.set(rule.name, condition);
      held.push(condition);
    }
    subject.conditions = after;
  }
}
