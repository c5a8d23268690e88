import type { TripRule } from '../../core/trip-rule.ts';

/**
 * Opens when failures / recorded reach `limit`, from the minimum number of calls on. Asked after a success, too, but not while some of the
 * failures in the window are known from connections only: what a server answers is no reason to open by what its connections told before.
 */
export function failureRatio(limit: number): TripRule {
  return {
    name: 'failure_ratio',
    trips({ recorded, failures, minimumCalls }) {
      if (recorded < minimumCalls || recorded === 0) return undefined;
      // Divided, as the rule is written: in doubles 7 < 0.07 * 100.
      const value = failures / recorded;
      return value >= limit ? { value, limit } : undefined;
    },
  };
}

/**
 * Opens when slow / recorded reach `limit`. Calls still running past `slowCallMs` count on both sides, so that a
 * dependency which hangs opens the circuit before its first time-out (asked for in resilience4j #1597).
 */
export function slowRatio(limit: number): TripRule {
  return {
    name: 'slow_ratio',
    trips({ recorded, slow, overdue, minimumCalls }) {
      const total = recorded + overdue;
      if (total < minimumCalls || total === 0) return undefined;
      const value = (slow + overdue) / total;
      return value >= limit ? { value, limit } : undefined;
    },
  };
}
