import type { BreakerView } from '../../../wire.ts';
import { attention, attentionOf, isHeld } from '../facts/order.ts';
import { outageOf } from '../facts/outage.ts';
import type { Store } from '../facts/store.ts';
import { length, moment, percent, plural, sum } from '../words/format.ts';
import { why } from '../words/names.ts';

export interface WhyLine {
  /** What is so, and since when. */
  readonly lead: string;
  /** Why, what it did, what it saved. */
  readonly rest: readonly string[];
}

/** What is to be said of a circuit that is not as it should be: what, since when, why, and what that did. */
export function whyLine(view: BreakerView, store: Store): WhyLine | undefined {
  const lead = leadOf(view);
  if (lead === undefined) return undefined;
  const { now } = store;
  const outage = outageOf(view, store.movesOf(view.name), now);
  if (outage === undefined) return { lead, rest: calmOf(view) };
  const since = `${lead} since ${moment(outage.since, now)} (${length(now - outage.since)})`;
  const cause = outage.cause ?? (view.heldReason === undefined ? view.lastTrip : { trigger: 'manual', reason: view.heldReason });
  return {
    lead: since,
    rest: [
      ...(cause === undefined ? [] : [why({ ...cause, to: view.state })]),
      ...(outage.failedProbes > 0 ? [`${plural(outage.failedProbes, 'probe')} failed`] : []),
      ...savedOf(view, store, outage.since / 1_000),
      ...specialOf(view),
    ],
  };
}

/** Of a circuit that is closed, or would be. */
function calmOf(view: BreakerView): string[] {
  if (attentionOf(view) === attention.nearLimit) return [...nearOf(view), ...specialOf(view)];
  return view.heldReason === undefined ? [] : [view.heldReason];
}

function leadOf(view: BreakerView): string | undefined {
  switch (attentionOf(view)) {
    case attention.refusing:
      return view.state === 'forced_open' ? 'Forced open' : 'Open';
    case attention.probing:
      return 'Not closed';
    case attention.unprotected:
      return 'Forced closed';
    case attention.wouldRefuse:
      return 'Would be open';
    case attention.nearLimit:
      return 'Near its limit';
    case attention.special:
      return view.injected ? 'Faults are injected on purpose' : `Degraded mode ${view.degraded}`;
    default:
      return isHeld(view) ? 'Shadow by hand: refuses nothing' : undefined;
  }
}

function savedOf({ name, state, circuit, shadowRejections }: BreakerView, store: Store, since: number): string[] {
  if (circuit !== undefined) return [`${plural(sum(shadowRejections), 'call')} would have been refused so far`];
  if (state === 'disabled') return ['nothing is refused'];
  const series = store.seriesOf(name);
  const [refused, served] = [series.countSince(since, 'rejected'), series.countSince(since, 'fallback')];
  if (refused === 0 && served === 0) return [];
  return [`${plural(refused, 'call')} refused at once${served === 0 ? '' : `, ${plural(served, 'call')} answered by fallback`}`];
}

function nearOf({ failureRatio, failureRatioLimit, slowRatio, slowRatioLimit, lastErrors }: BreakerView): string[] {
  const said = (what: string, ratio: number | undefined, limit: number | undefined): string[] =>
    ratio === undefined || limit === undefined || ratio < limit * 0.8 ? [] : [`${percent(ratio)} ${what} (opens at ${percent(limit)})`];
  const near = [...said('failed', failureRatio, failureRatioLimit), ...said('slow', slowRatio, slowRatioLimit)];
  return near.length === 0 || lastErrors[0] === undefined ? near : [...near, `mostly ${lastErrors[0].errorType}`];
}

function specialOf({ injected, degraded }: BreakerView): string[] {
  return [...(injected ? ['faults are injected on purpose'] : []), ...(degraded === undefined ? [] : [`degraded mode ${degraded}`])];
}
