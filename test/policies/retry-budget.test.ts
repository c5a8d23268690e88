import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from '../../src/policies/retry-budget.ts';

describe('the retry budget', () => {
  it('lets every fifth call be repeated at a ratio of 0.2', () => {
    const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 0 }, 0);
    let repeated = 0;
    for (let n = 0; n < 1_000; n += 1) {
      budget.deposit();
      if (budget.withdraw(0)) repeated += 1;
    }
    expect(repeated).toBe(200);
  });

  it('lets a service with hardly any calls repeat one now and then', () => {
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.5 }, 0);
    const at = (ms: number): boolean => budget.withdraw(ms);
    expect([at(0), at(0), at(1_999), at(2_000), at(2_000)]).toEqual([true, false, false, true, false]);
  });

  it('saves up no more than a hundred, however long nothing failed', () => {
    const budget = new RetryBudget({ ratio: 1, minPerSecond: 0 }, 0);
    for (let n = 0; n < 10_000; n += 1) budget.deposit();
    expect(budget.balance(0)).toBe(100);
  });

  it('keeps what it has when its options change, within what they allow', () => {
    const budget = new RetryBudget({ ratio: 1, minPerSecond: 10 }, 0);
    for (let n = 0; n < 5; n += 1) budget.deposit();
    budget.setOptions({ ratio: 0.1, minPerSecond: 2 });
    expect(budget.balance(0)).toBe(7);
  });

  it('allows as much as a naive ledger that writes down every call', () => {
    const step = fc.record({ afterMs: fc.integer({ min: 0, max: 3_000 }), call: fc.boolean() });
    fc.assert(
      fc.property(
        fc.constantFrom(0, 0.1, 0.2, 0.5, 1),
        fc.constantFrom(0, 0.5, 1, 3),
        fc.array(step, { maxLength: 200 }),
        (ratio, minPerSecond, steps) => {
          const budget = new RetryBudget({ ratio, minPerSecond }, 0);
          const naive = new NaiveLedger(ratio, minPerSecond);
          let now = 0;
          for (const { afterMs, call } of steps) {
            now += afterMs;
            if (call) {
              budget.deposit();
              naive.calls += 1;
            }
            expect(budget.withdraw(now)).toBe(naive.withdraw(now));
          }
        },
      ),
    );
  });
});

/** In whole units of a thousandth of a repetition, so that nothing is rounded. Too few calls here to save up too many. */
class NaiveLedger {
  calls = 0;
  #paidBySavings = 0;
  #trickle: number;
  #at = 0;
  constructor(
    private readonly ratio: number,
    private readonly minPerSecond: number,
  ) {
    this.#trickle = this.#most;
  }
  get #most(): number {
    return this.minPerSecond === 0 ? 0 : Math.max(1_000, this.minPerSecond * 1_000);
  }
  withdraw(now: number): boolean {
    this.#trickle = Math.min(this.#most, this.#trickle + (now - this.#at) * this.minPerSecond);
    this.#at = now;
    if (Math.round(this.calls * this.ratio * 1_000) - this.#paidBySavings * 1_000 >= 1_000) {
      this.#paidBySavings += 1;
      return true;
    }
    if (this.#trickle < 1_000) return false;
    this.#trickle -= 1_000;
    return true;
  }
}
