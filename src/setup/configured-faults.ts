import type { Injection } from '../breaker/injection.ts';
import type { Configuration } from '../config/configuration.ts';
import type { FaultRule } from '../config/fault-rules.ts';
import { describeMatch, Matcher } from '../config/matching.ts';
import type { Registry } from '../registry/registry.ts';

/**
 * Faults that the configuration asks for. What comes, or is changed, while the process runs begins then and has its time from then
 * on; what is taken away ends. What has stood there since before the start was somebody's game day once: it begins with the process
 * only where it says that it is meant to (`atStart`), or each restart would bring back what everybody has forgotten.
 */
export class ConfiguredFaults {
  readonly #registry: Registry;
  readonly #warn: (message: string) => void;
  /** By what they say. */
  readonly #known = new Map<string, Injection | undefined>();

  /** @param warn says what does not begin */
  constructor(registry: Registry, warn: (message: string) => void) {
    this.#registry = registry;
    this.#warn = warn;
  }

  start({ faults, settings }: Configuration): void {
    for (const rule of faults) {
      if (rule.fault.atStart === true) {
        this.#begin(rule, settings.allowFaults);
        continue;
      }
      this.#known.set(keyOf(rule), undefined);
      this.#warn(`${rule.where} has been there before the process started and does not begin; with atStart: true it would, or change it now`);
    }
  }

  /** Another configuration is in force. */
  follow({ faults, settings }: Configuration): void {
    const wanted = new Set(faults.map(keyOf));
    for (const [key, injection] of this.#known) {
      if (wanted.has(key)) continue;
      this.#known.delete(key);
      injection?.end();
    }
    for (const rule of faults) if (!this.#known.has(keyOf(rule))) this.#begin(rule, settings.allowFaults);
  }

  /** What is refused is tried again when the configuration is read again. */
  #begin(rule: FaultRule, allowInProduction: boolean): void {
    const {
      fault: { match, atStart: _, ...options },
      where,
    } = rule;
    const matcher = new Matcher([{ match }]);
    try {
      const injection = this.#registry.inject(
        { ...options, by: 'configuration', allowInProduction },
        (name, target) => matcher.matching(name, target).length > 0,
        describeMatch(match),
      );
      this.#known.set(keyOf(rule), injection);
    } catch (error) {
      this.#warn(`${where} does not begin: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** The same twice is one. */
function keyOf({ fault }: FaultRule): string {
  return JSON.stringify(fault);
}
