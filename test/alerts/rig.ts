import { Alerts } from '../../src/alerts/alerts.ts';
import type { AlertRuleInput } from '../../src/config/alerts-schema.ts';
import type { Target } from '../../src/core/target.ts';
import { History } from '../../src/history/history.ts';
import { Registry, type RegistryOptions } from '../../src/registry/registry.ts';
import { ManualClock } from '../../src/testing.ts';

export const second = 1_000;
export const minute = 60 * second;

/** Calls that one breaker is asked for, each second. */
export interface Traffic {
  readonly failing?: number;
  readonly well?: number;
  /** How long each takes, in ms. */
  readonly ms?: number;
}

/** Alerts over a registry, on a clock of the test's own. */
export class Rig {
  readonly clock = new ManualClock();
  readonly registry: Registry;
  readonly history: History;
  readonly alerts: Alerts;
  /** What was told, as `firing BreakerOpen critical: ...`. */
  readonly told: string[] = [];

  constructor(rules: readonly AlertRuleInput[] = [], registry: RegistryOptions = {}) {
    this.registry = new Registry({ clock: this.clock, ...registry });
    this.history = new History(this.registry);
    this.alerts = new Alerts(this.registry, this.history, rules);
    this.alerts.on('told', ({ kind, alert }) => void this.told.push(`${kind} ${alert.name} ${alert.severity}: ${alert.summary}`));
  }

  get firing() {
    return this.alerts.alerts().filter(({ state }) => state === 'firing');
  }

  /** Rules that fire. */
  get names(): string[] {
    return this.firing.flatMap(({ rules }) => rules);
  }

  breaker(name: string, target: Target = {}) {
    return this.registry.get(name, target);
  }

  /** Lets time pass, with calls every second. */
  pass(ms: number, traffic: Readonly<Record<string, Traffic>> = {}): void {
    for (let at = 0; at < ms; at += second) {
      for (const [name, { failing = 0, well = 0, ms: took = 5 }] of Object.entries(traffic)) {
        const breaker = this.breaker(name);
        for (let call = 0; call < well; call += 1) breaker.tryAcquire()?.succeed(took);
        for (let call = 0; call < failing; call += 1) breaker.tryAcquire()?.fail(new Error('down'), took);
      }
      this.clock.advance(second);
    }
  }

  /** How long it takes until the rule of that name fires, or does not any more, in seconds; `undefined`: it does not come to that. */
  until(firing: boolean, name: string, traffic: Readonly<Record<string, Traffic>> = {}, atMost = 90 * minute): number | undefined {
    for (let at = 0; at < atMost; at += second) {
      if (this.names.includes(name) === firing) return at / second;
      this.pass(second, traffic);
    }
    return undefined;
  }
}

/** Breakers of one Redis, as its instrumentation makes them. */
export function redis(rig: Rig, ...operations: readonly string[]): string[] {
  const server = 'redis://10.0.0.5:6379';
  return operations.map((operation) => {
    const name = `${server} ${operation}`;
    rig.breaker(name, { system: 'redis', address: '10.0.0.5', port: 6379, server, operation });
    return name;
  });
}
