import type { ResolvedOptions } from '../core/options.ts';

export type HalfOpenVerdict = 'close' | 'reopen' | undefined;

/**
 * The trial of a half-open circuit: which probes may go, and what their results decide. It has a lease: from the first call
 * that asks until something is proved, success or failure, no longer than `leaseMs` may pass. What is ignored or cancelled
 * proves nothing. Only while nobody asks for a whole lease does it stand still.
 *
 * Where scouts go ahead (`scoutMs`), little reaches a target that hangs: until one of them has an answer, probes go one by one,
 * spread over a lease that is as short as what has been learned of healthy calls allows.
 */
export class HalfOpenTrial {
  /**
   * How long a probe may take, in ms: `halfOpen.leaseMs`, or the learned patience where that is longer. Where healthy calls take longer than the
   * lease allows, every probe would be lost, and the circuit would never close again.
   */
  readonly leaseMs: number;
  successes = 0;
  failures = 0;
  readonly #options: ResolvedOptions['halfOpen'];
  /** Between two scouts, in ms. */
  readonly #spreadMs: number;
  /** When each probe that is out was let out: in order, and never more than `permits`. */
  readonly #probes: number[] = [];
  /** When somebody first asked without anything having been proved since. */
  #unprovenSince = Number.POSITIVE_INFINITY;
  /** When somebody last asked, or waited for a probe's answer. */
  #askedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param patienceMs how long a healthy call may take, in ms, as far as that has been learned: no lease is shorter
   * @param scoutLeaseMs the shortest lease of a scout, in ms, should there be reason for a longer one than `scoutMs`
   */
  constructor(options: ResolvedOptions['halfOpen'], patienceMs = 0, scoutLeaseMs = 0) {
    const { leaseMs, permits, scoutMs } = options;
    this.#options = options;
    const longestMs = Math.max(leaseMs, patienceMs);
    // A lease shorter than healthy answers take would keep the circuit from ever closing.
    const short = scoutMs !== undefined && patienceMs > 0;
    this.leaseMs = short ? Math.min(longestMs, Math.max(scoutMs, patienceMs, scoutLeaseMs)) : longestMs;
    this.#spreadMs = scoutMs === undefined ? 0 : this.leaseMs / Math.max(1, Math.min(permits, Math.floor(this.leaseMs / scoutMs)));
  }

  /** Nothing has an answer yet, and few are to wait for one. */
  get scouting(): boolean {
    return this.#options.scoutMs !== undefined && this.successes + this.failures === 0;
  }

  /** Probes out at present. */
  get inFlight(): number {
    return this.#probes.length;
  }

  /** Milliseconds until a probe may go, if nothing is heard meanwhile; 0 when it may now. */
  waitMs(now: number): number {
    const last = this.#probes.at(-1);
    if (last === undefined || this.mayAdmit(now)) return 0;
    const full = this.#probes.length >= this.#options.permits;
    const free = Math.min(this.#unprovenSince + this.leaseMs, full ? Number.POSITIVE_INFINITY : last + this.#spreadMs);
    return Math.max(0, free - now);
  }

  /** Somebody asks. @returns whether the lease is over */
  asked(now: number): boolean {
    const { leaseMs } = this;
    if (this.#probes.length === 0 && now - this.#askedAt >= leaseMs) this.#unprovenSince = Number.POSITIVE_INFINITY;
    this.#askedAt = now;
    this.#unprovenSince = Math.min(this.#unprovenSince, now);
    return now - this.#unprovenSince >= leaseMs;
  }

  /** Whether a probe may go now. */
  mayAdmit(now: number): boolean {
    const last = this.#probes.at(-1);
    if (last === undefined || this.#probes.length >= this.#options.permits) return last === undefined;
    return !this.scouting || now - last >= this.#spreadMs;
  }

  admit(now: number): boolean {
    if (!this.mayAdmit(now)) return false;
    this.#probes.push(now);
    return true;
  }

  /** A probe proved nothing: its permit is free again, the lease is not renewed. */
  release(startedAt: number, now: number): void {
    this.#remove(startedAt);
    this.#askedAt = now;
  }

  record(startedAt: number, failed: boolean): HalfOpenVerdict {
    this.#remove(startedAt);
    this.#unprovenSince = this.#probes[0] ?? Number.POSITIVE_INFINITY;
    if (failed) this.failures += 1;
    else this.successes += 1;
    return this.#verdict();
  }

  /** When the circuit re-opens for want of an answer; `undefined` while no probe is out. */
  get deadline(): number | undefined {
    return this.#probes.length === 0 ? undefined : this.#unprovenSince + this.leaseMs;
  }

  #remove(startedAt: number): void {
    this.#probes.splice(this.#probes.indexOf(startedAt), 1);
  }

  #verdict(): HalfOpenVerdict {
    const { permits, successThreshold, failureRatio } = this.#options;
    if (this.successes >= successThreshold) return 'close';
    if (this.failures === 0) return undefined;
    if (failureRatio === undefined) return 'reopen';
    // The trial is as long as the permits, or longer where failures that may be forgiven take a success's place. As many
    // failures as permits end it in any case: a ratio of 1 could otherwise be kept off for ever by one lucky success.
    const share = this.failures / Math.max(permits, this.successes + this.failures);
    return share >= failureRatio || this.failures >= permits ? 'reopen' : undefined;
  }
}
