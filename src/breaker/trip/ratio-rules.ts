import type { TripRule } from '../../core/trip-rule.ts';

/** Opens when failures / recorded reach `limit`, from the minimum number of calls on. */
export function failureRatio(limit: number): TripRule {
  return {
    name: 'failure_ratio',
    trips({ recorded, failures, minimumCalls }) {
      // Multiplied rather than divided: most calls end here, and 0 / 0 needs no thought.
      if (recorded < minimumCalls || failures < limit * recorded) return undefined;
      return { value: failures / recorded, limit };
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
      if (total < minimumCalls || slow + overdue < limit * total) return undefined;
      return { value: (slow + overdue) / total, limit };
    },
  };
}
