import { measured, type Rule } from './rule.ts';
import type { Subject } from './subjects.ts';

/** What a rule measures now, and whether it is over by what has been of late. */
interface Finding {
  readonly value: number | undefined;
  readonly over: boolean;
}

/**
 * Two windows: the longer one says that it is worth an alert, the shorter one that it goes on. Else what is over would fire for
 * as long as the longer one still has it in it. Where the shorter one has too few calls, the longer one decides.
 */
function find(rule: Rule, subject: Subject): Finding {
  const { clear, windowMs, clearWindowMs, minimumCalls } = rule;
  const value = measured(rule, subject, windowMs, minimumCalls);
  // Without calls there is nothing wrong to be seen.
  if (value === undefined || value <= clear) return { value, over: true };
  if (clearWindowMs === windowMs) return { value, over: false };
  const recent = measured(rule, subject, clearWindowMs, Math.ceil((minimumCalls * clearWindowMs) / windowMs));
  return { value, over: recent !== undefined && recent <= clear };
}

/** The condition that begins where a rule holds; `undefined` where it does not. */
export function conditionOf(rule: Rule, subject: Subject, now: number): Condition | undefined {
  const { value, over } = find(rule, subject);
  return value === undefined || value <= rule.limit || over ? undefined : new Condition(rule, subject, value, now);
}

/** A rule that holds for a breaker or a pool, or has held until just now. Times are in ms of the registry's clock. */
export class Condition {
  readonly subject: Subject;
  rule: Rule;
  /** What was measured last, while it held. */
  value: number;
  #holdsSince: number;
  #firing = false;
  #overSince: number | undefined;

  constructor(rule: Rule, subject: Subject, value: number, now: number) {
    this.rule = rule;
    this.subject = subject;
    this.value = value;
    this.#holdsSince = now;
    this.#firing = rule.forMs === 0;
  }

  /** It has held for as long as its rule says, and is not over yet. */
  get firing(): boolean {
    return this.#firing;
  }

  /**
   * Looks again.
   * @returns whether there is anything left of it
   */
  judge(now: number): boolean {
    const { rule, subject } = this;
    const { value, over } = find(rule, subject);
    const holds = value !== undefined && value > rule.limit && !over;
    if (holds) this.value = value;
    if (this.#firing) return this.#goesOn(over, now);
    this.#firing = holds && now - this.#holdsSince >= rule.forMs;
    return holds;
  }

  /** It is explained by something else for the time being, and would have to hold anew. */
  excuse(now: number): void {
    this.#firing = false;
    this.#holdsSince = now;
    this.#overSince = undefined;
  }

  #goesOn(over: boolean, now: number): boolean {
    if (!over) {
      this.#overSince = undefined;
      return true;
    }
    this.#overSince ??= now;
    return now - this.#overSince < this.rule.clearForMs;
  }
}
