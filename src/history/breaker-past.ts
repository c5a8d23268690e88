import type { Breaker } from '../breaker/breaker.ts';
import {
  addTotals,
  columnOf,
  firstTotal,
  type Gauges,
  often,
  oftenWidth,
  readGauges,
  seldomWidth,
  servedOf,
  type Total,
  type Totals,
  totals,
  writeGauges,
  writeGone,
} from './columns.ts';
import type { MoveRecord, Sample } from './records.ts';
import { RowRing } from './row-ring.ts';

/** Ticks that have a sample each: 16 minutes. */
export const fineTicks = 192;
/** Ticks of which older samples are one each: a minute. */
const coarseEvery = 12;
/** Of these, an hour and 44 minutes are told: two hours with the others. */
const coarseRows = 104;
const coarseKept = coarseRows + fineTicks / coarseEvery + 2;

/** For one row each, and its totals: they are copied at once. */
const sum: Totals = totals.map(() => 0);
const row = new Uint32Array(oftenWidth);
const seldomRow = new Uint32Array(seldomWidth);

/** What has been of the breakers of one name, one after the other. All times are ticks of {@link History}. */
export class BreakerPast {
  readonly name: string;
  /** The last moves, oldest first; bounded by {@link History}. */
  readonly moves: MoveRecord[] = [];
  /** When the last one was dropped by its registry; `undefined`: there is one. */
  goneSince: number | undefined;
  readonly #since: number;
  readonly #fine = new RowRing(oftenWidth, fineTicks + 2);
  readonly #coarse = new RowRing(oftenWidth, coarseKept);
  /** Apart, for they hardly ever have news. */
  readonly #seldom = new RowRing(seldomWidth, fineTicks + 2);
  #coarseAt: number;
  /** Of the last row that was written, or would have been, had it had news. */
  #latest = 0;
  #breaker: Breaker;
  /** Totals of the breakers before, and those that moves have told. */
  readonly #added: Totals = totals.map(() => 0);

  constructor(breaker: Breaker, tick: number) {
    this.name = breaker.name;
    this.#breaker = breaker;
    this.#since = tick;
    this.#coarseAt = tick - (tick % coarseEvery);
    this.#write(tick);
    this.#coarse.push(row);
  }

  get breaker(): Breaker {
    return this.#breaker;
  }

  get bytes(): number {
    return this.#fine.bytes + this.#coarse.bytes + this.#seldom.bytes;
  }

  moved({ from, to, trigger, shadow }: Pick<MoveRecord, 'from' | 'to' | 'trigger' | 'shadow'>): void {
    if (shadow) return;
    if (from === 'closed' && to === 'open') this.#count('openings');
    if (trigger === 'probes_failed' || trigger === 'probe_lease' || trigger === 'ramp_up_failed') this.#count('failedProbes');
  }

  /** Takes a sample. */
  sample(tick: number): void {
    if (this.goneSince === undefined) this.#write(tick);
    const minute = tick - (tick % coarseEvery);
    if (minute > this.#coarseAt) this.#writeMinute(minute);
    this.#fine.forgetBefore(tick - fineTicks - 1);
    this.#seldom.forgetBefore(tick - fineTicks - 1);
    this.#coarse.forgetBefore(tick - fineTicks - (coarseRows + 1) * coarseEvery);
  }

  /** The breaker is no more. */
  leave(tick: number): void {
    this.goneSince = tick;
    addTotals(this.#added, this.#breaker, servedOf(this.#breaker));
    this.#write(tick + 1);
  }

  /** There is one of that name again. */
  resume(breaker: Breaker): void {
    this.goneSince = undefined;
    this.#breaker = breaker;
  }

  /** How much a total has grown up to `tick` since `ticks` before, at most {@link fineTicks}. */
  grown(total: Total, tick: number, ticks: number): number {
    const { seldom, column } = columnOf[total];
    const ring = seldom ? this.#seldom : this.#fine;
    // Mostly nothing has come of it for as long as anything is known: that takes no search.
    if (tick >= this.#latest && ring.word(0, column) === ring.word(ring.length - 1, column)) return 0;
    return growth(ring, column, Math.max(0, ring.indexAt(tick - ticks)), ring.indexAt(tick));
  }

  /** @param epochOf the time of a tick, in epoch ms */
  samples(tick: number, epochOf: (tick: number) => number): Sample[] {
    const found: Sample[] = [];
    // From a minute's end on, so that no tick is told twice, and none left out.
    const border = Math.max(Math.ceil((tick - fineTicks) / coarseEvery) * coarseEvery, 0);
    const from = Math.max(border - coarseRows * coarseEvery, this.#since - (this.#since % coarseEvery)) + coarseEvery;
    for (let at = from; at <= border; at += coarseEvery) tell(this.#coarse, at, at - coarseEvery, epochOf, found);
    for (let at = Math.max(border, this.#since) + 1; at <= tick; at += 1) tell(this.#fine, at, at - 1, epochOf, found);
    return found;
  }

  #count(total: Total): void {
    const index = totals.indexOf(total);
    this.#added[index] = (this.#added[index] as number) + 1;
  }

  #write(tick: number): void {
    this.#latest = tick;
    for (let index = 0; index < totals.length; index += 1) sum[index] = this.#added[index] as number;
    if (this.goneSince === undefined) {
      addTotals(sum, this.#breaker, servedOf(this.#breaker));
      writeGauges(row, this.#breaker);
    } else {
      writeGone(row);
    }
    for (let index = 0; index < often; index += 1) row[firstTotal + index] = sum[index] as number;
    for (let index = often; index < totals.length; index += 1) seldomRow[1 + index - often] = sum[index] as number;
    row[0] = tick;
    seldomRow[0] = tick;
    this.#fine.push(row);
    this.#seldom.push(seldomRow);
  }

  /** A minute is shown as it was at its worst, and with all that it has counted. */
  #writeMinute(minute: number): void {
    const last = this.#fine.indexAt(minute);
    const first = Math.max(0, this.#fine.indexAt(minute - coarseEvery + 1));
    let worst = last;
    for (let index = last - 1; index >= first; index -= 1)
      if (badness(gaugesAt(this.#fine, index)) > badness(gaugesAt(this.#fine, worst))) worst = index;
    for (let column = 1; column < oftenWidth; column += 1) row[column] = this.#fine.word(column < 5 ? worst : last, column);
    row[0] = minute;
    this.#coarse.push(row);
    this.#coarseAt = minute;
  }
}

function gaugesAt(ring: RowRing, index: number): Gauges {
  return readGauges((column) => ring.word(index, column));
}

/** First how the circuit stood, then the share of failures, where it means anything. */
function badness({ state, failures, recorded, failureRatioKnown }: Gauges): number {
  return (state === 'closed' || state === 'shadow' ? 0 : 2) + (failureRatioKnown ? failures / recorded : 0);
}

/** Totals wrap around, their differences do not. */
function growth(ring: RowRing, column: number, before: number, after: number): number {
  return after < 0 ? 0 : (ring.word(after, column) - ring.word(before, column)) >>> 0;
}

function tell(ring: RowRing, at: number, before: number, epochOf: (tick: number) => number, found: Sample[]): void {
  const index = ring.indexAt(at);
  if (index < 0) return;
  const gauges = gaugesAt(ring, index);
  if (gauges.gone) return;
  const { state, inFlight, recorded, failures, slow, failureRatioKnown, slowRatioKnown } = gauges;
  const earlier = Math.max(0, ring.indexAt(before));
  const since = (total: Total): number => growth(ring, columnOf[total].column, earlier, index);
  found.push({
    at: epochOf(at),
    state,
    inFlight,
    recorded,
    failures,
    slow,
    failureRatio: failureRatioKnown ? failures / recorded : undefined,
    slowRatio: slowRatioKnown ? slow / recorded : undefined,
    succeeded: since('succeeded'),
    failed: since('failed'),
    rejected: since('rejected'),
    served: since('served'),
  });
}
