import type { TripRule } from '../../core/trip-rule.ts';

/** Opens when that many failures are in the window, with no minimum of calls. */
export function failureCount(limit: number): TripRule {
  return {
    name: 'failure_count',
    trips: ({ failures }) => (failures >= limit ? { value: failures, limit } : undefined),
  };
}

/** Opens after that many failures in a row; ignored results do not interrupt the row. */
export function consecutiveFailures(limit: number): TripRule {
  return {
    name: 'consecutive_failures',
    trips: (view) => (view.consecutiveFailures >= limit ? { value: view.consecutiveFailures, limit } : undefined),
  };
}
