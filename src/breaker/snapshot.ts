import type { RejectionReason, StateName } from '../core/errors.ts';
import type { Mode, ResolvedOptions } from '../core/options.ts';
import { type CountedOutcome, countedOutcomes } from '../core/outcome.ts';
import type { DegradedMode } from '../core/policy-options.ts';
import type { Target } from '../core/target.ts';
import type { Breaker } from './breaker.ts';
import type { Circuit } from './circuit.ts';
import { type Meters, rejectionReasons } from './meters.ts';
import { type CircuitKind, publicName, type State } from './state.ts';
import type { WindowCounts } from './window/window.ts';

export interface LastTrip {
  readonly trigger: string;
  /** Milliseconds ago. */
  readonly agoMs: number;
  readonly value: number | undefined;
  readonly limit: number | undefined;
  readonly errorType: string | undefined;
}

/** A breaker as it is now, as plain data that can be sent as JSON. */
export interface Snapshot {
  readonly name: string;
  readonly state: StateName;
  /** In shadow: the state of the machine that runs beside the traffic. */
  readonly circuit: CircuitKind | undefined;
  readonly mode: Mode;
  /** How calls are served for the time being; `undefined`: as ever. */
  readonly degraded: DegradedMode | undefined;
  readonly generation: number;
  readonly target: Target;
  /** The configuration rule that applied. */
  readonly rule: string | undefined;
  /** Milliseconds in this state. */
  readonly sinceMs: number;
  readonly window: WindowCounts;
  /** Absent below the minimum number of calls. */
  readonly failureRatio?: number;
  readonly slowRatio?: number;
  readonly consecutiveFailures: number;
  readonly inFlight: number;
  readonly probesInFlight: number;
  /** Openings in a row. */
  readonly openings: number;
  /** Faults are being injected on purpose. */
  readonly injected: boolean;
  /** Milliseconds until the next probe; `undefined` when calls are admitted, or only a person can tell. */
  readonly retryAfterMs: number | undefined;
  readonly lastTrip: LastTrip | undefined;
  /** Who or why, where a person holds it and has said so. */
  readonly heldReason: string | undefined;
  /** Since the breaker was made. */
  readonly calls: Readonly<Record<CountedOutcome, number>>;
  readonly rejections: Readonly<Partial<Record<RejectionReason, number>>>;
  readonly shadowRejections: Readonly<Partial<Record<RejectionReason, number>>>;
}

/** @internal */
export function takeSnapshot(
  breaker: Breaker,
  circuit: Circuit,
  state: State,
  now: number,
  rule: string | undefined,
  trip: (Omit<LastTrip, 'agoMs'> & { readonly at: number }) | undefined,
): Snapshot {
  const { options, meters } = breaker;
  circuit.window.advance(now);
  const { recorded, failures, slow } = circuit.window;
  return {
    name: breaker.name,
    state: publicName(state),
    circuit: state.shadow ? (state.kind as CircuitKind) : undefined,
    mode: options.mode,
    degraded: degradedOf(breaker),
    generation: state.generation,
    target: breaker.target,
    rule,
    sinceMs: now - state.since,
    window: { recorded, failures, slow },
    ...ratiosOf(circuit.window, options),
    consecutiveFailures: circuit.consecutiveFailures,
    inFlight: breaker.inFlight,
    probesInFlight: state.kind === 'half_open' ? state.trial.inFlight : 0,
    openings: circuit.openings(now),
    injected: breaker.injected,
    retryAfterMs: circuit.retryAfterMs(state, now),
    lastTrip: trip && { trigger: trip.trigger, agoMs: now - trip.at, value: trip.value, limit: trip.limit, errorType: trip.errorType },
    heldReason: circuit.heldReason,
    calls: callTotals(meters),
    rejections: rejectionTotals((reason) => meters.rejections(reason)),
    shadowRejections: rejectionTotals((reason) => meters.shadowRejections(reason)),
  };
}

function degradedOf({ degraded, options }: Breaker): DegradedMode | undefined {
  const mode = degraded ?? options.policies?.degraded;
  return mode === 'off' ? undefined : mode;
}

/** What the ratio rules decide by: absent below the minimum number of calls. */
export function ratiosOf({ recorded, failures, slow }: WindowCounts, options: ResolvedOptions): { failureRatio?: number; slowRatio?: number } {
  if (recorded < options.minimumCalls) return {};
  const failureRatio = failures / recorded;
  return options.slowCallMs === undefined ? { failureRatio } : { failureRatio, slowRatio: slow / recorded };
}

/** Calls by outcome, slow or not. */
export function callTotals(meters: Meters): Record<CountedOutcome, number> {
  const totals = { success: 0, failure: 0, ignored: 0, cancelled: 0, stale: 0 };
  for (const outcome of countedOutcomes) totals[outcome] = meters.calls(outcome, false) + meters.calls(outcome, true);
  return totals;
}

/** The reasons that occurred, with their counts. */
export function rejectionTotals(count: (reason: RejectionReason) => number): Partial<Record<RejectionReason, number>> {
  const totals: Partial<Record<RejectionReason, number>> = {};
  for (const reason of rejectionReasons) {
    const refused = count(reason);
    if (refused > 0) totals[reason] = refused;
  }
  return totals;
}
