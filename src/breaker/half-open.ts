import type { ResolvedOptions } from '../core/options.ts';

export type HalfOpenVerdict = 'close' | 'reopen' | undefined;

/**
 * The trial of a half-open circuit: which probes may go, and what their results decide. It has a lease: from the first call
 * that asks until something is proved, success or failure, no longer than `leaseMs` may pass. What is ignored or cancelled
 * proves nothing. Only while nobody asks for a whole lease does it stand still.
 */
export class HalfOpenTrial {
  successes = 0;
  failures = 0;
  /** When each probe that is out was let out: in order, and never more than `permits`. */
  readonly #probes: number[] = [];
  /** When somebody first asked without anything having been proved since. */
  #unprovenSince = Number.POSITIVE_INFINITY;
  /** When somebody last asked, or waited for a probe's answer. */
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ResolvedOptions['halfOpen']) {}

  /** How long a probe may take, in ms. */
  get leaseMs(): number {
    return this.options.leaseMs;
  }

  /** Probes out at present. */
  get inFlight(): number {
    return this.#probes.length;
  }

  /** Whether all its permits are out. */
  get full(): boolean {
    return this.#probes.length >= this.options.permits;
  }

  /** Somebody asks. @returns whether the lease is over */
  asked(now: number): boolean {
    const { leaseMs } = this.options;
    if (this.#probes.length === 0 && now - this.#askedAt >= leaseMs) this.#unprovenSince = Number.POSITIVE_INFINITY;
    this.#askedAt = now;
    this.#unprovenSince = Math.min(this.#unprovenSince, now);
    return now - this.#unprovenSince >= leaseMs;
  }

  admit(now: number): boolean {
    if (this.full) return false;
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
    return this.#probes.length === 0 ? undefined : this.#unprovenSince + this.options.leaseMs;
  }

  #remove(startedAt: number): void {
    this.#probes.splice(this.#probes.indexOf(startedAt), 1);
  }

  #verdict(): HalfOpenVerdict {
    const { permits, successThreshold, failureRatio } = this.options;
    if (this.successes >= successThreshold) return 'close';
    if (this.failures === 0) return undefined;
    if (failureRatio === undefined) return 'reopen';
    // The trial is as long as the permits, or longer where failures that may be forgiven take a success's place. As many
    // failures as permits end it in any case: a ratio of 1 could otherwise be kept off for ever by one lucky success.
    const share = this.failures / Math.max(permits, this.successes + this.failures);
    return share >= failureRatio || this.failures >= permits ? 'reopen' : undefined;
  }
}
