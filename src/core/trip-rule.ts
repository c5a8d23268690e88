/** What a trip rule may look at: plain numbers, current as of the result just recorded. */
export interface TripView {
  /** Results in the window. */
  readonly recorded: number;
  readonly failures: number;
  readonly slow: number;
  /** Below this many recorded results no ratio is decided. */
  readonly minimumCalls: number;
  /** Failures since the last success. */
  readonly consecutiveFailures: number;
  /** Calls under way. */
  readonly inFlight: number;
  /** Calls under way for longer than `slowCallMs`; 0 unless these are counted. */
  readonly overdue: number;
}

/** Why a rule fired: the value that reached its limit. */
export interface TripVerdict {
  readonly value: number;
  readonly limit: number;
}

/**
 * "Should it trip?", evaluated after every recorded result of a closed circuit (source: cockatiel `breaker/Breaker.ts`).
 * A third party adds its own by the option `rules`.
 */
export interface TripRule {
  /** Named as the transition's trigger. */
  readonly name: string;
  /** Must be quick and must not throw; a throw is reported and reads as "no". */
  trips(view: TripView): TripVerdict | undefined;
}
