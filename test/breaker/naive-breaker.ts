import type { ResolvedOptions } from '../../src/core/options.ts';

export type Kind = 'closed' | 'open' | 'half_open' | 'forced_open' | 'disabled';
type Outcome = 'success' | 'failure' | 'ignored' | 'cancelled';

interface Result {
  readonly at: number;
  readonly failed: boolean;
  readonly slow: boolean;
}
interface Span {
  readonly from: number;
  to: number | undefined;
}
export interface NaiveCall {
  readonly startedAt: number;
  readonly generation: number;
  readonly probe: Span | undefined;
  readonly unrecorded: boolean;
}

/** All that happens by itself happens at multiples of this, or 1 ms later (a call is overdue 1 ms after its limit). */
export const GRID_MS = 50;

/**
 * The twin of the breaker for tests: SEMANTICS.md written down as slowly and as plainly as possible. Lists that are
 * never trimmed, and every number counted from scratch whenever somebody asks. No stall detection; no jitter.
 */
export class NaiveBreaker {
  now = 0;
  kind: Kind;
  shadow: boolean;
  generation = 0;
  since = 0;
  until = 0;
  early = false;
  mayEndEarly = true;
  rampFrom: number | undefined;
  rampCredit = 0;
  /** Results that have counted in the present window, the oldest first. */
  results: Result[] = [];
  row: boolean[] = [];
  openings = 0;
  /** Openings since the last one that lengthened the row, of trials in which nobody answered the scouts. */
  scouted = 0;
  /** Which of the failures in the window no call has carried. */
  hearsay: 'none' | 'some' | 'all' = 'none';
  /** Of the present trial. */
  verdicts: boolean[] = [];
  probes: Span[] = [];
  /** When somebody asked, or waited for a probe, since something was last proved. */
  unproven: Span[] = [];
  readonly running = new Set<NaiveCall>();
  readonly log: string[] = [];
  readonly refused: string[] = [];
  readonly counted: string[] = [];

  constructor(readonly options: ResolvedOptions) {
    this.kind = options.mode === 'off' ? 'disabled' : 'closed';
    this.shadow = options.mode === 'shadow';
  }

  get state(): string {
    return this.shadow ? 'shadow' : this.kind;
  }
  get hasFailures(): boolean {
    return this.window.some(({ failed }) => failed);
  }

  get window(): Result[] {
    const { window } = this.options;
    if (window.type === 'count') return this.results.slice(-window.size);
    const slice = (at: number): number => Math.floor((at * window.buckets) / window.durationMs);
    return this.results.filter(({ at }) => slice(at) > slice(this.now) - window.buckets);
  }
  get probesOut(): Span[] {
    return this.probes.filter(({ to }) => to === undefined);
  }
  get consecutiveFailures(): number {
    return this.row.length - 1 - this.row.lastIndexOf(false);
  }
  /** How long somebody has asked and nothing has been proved; gaps as long as a lease in which nobody did apart. */
  get unprovenMs(): number {
    let since = this.now;
    let busyUntil = Number.NEGATIVE_INFINITY;
    for (const { from, to = this.now } of this.unproven) {
      if (from - busyUntil >= this.options.halfOpen.leaseMs) since = from;
      busyUntil = Math.max(busyUntil, to);
    }
    return this.now - since;
  }

  advance(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = this.now % GRID_MS === 0 ? this.now + 1 : this.now + GRID_MS - 1;
      this.look();
      const { slowCallMs = Number.NaN } = this.options;
      const newlyOverdue = [...this.running].some((call) => call.generation === this.generation && this.now - call.startedAt === slowCallMs + 1);
      if (newlyOverdue && this.kind === 'closed' && this.overdue() > 0) this.evaluate(0);
    }
  }
  /** Time passes at once. */
  skip(ms: number): void {
    this.now += ms;
    this.look();
  }
  /** What time alone decides. */
  look(): void {
    if (this.kind === 'open' && this.now >= this.until) this.goHalfOpen('open_elapsed', false);
    if (this.kind === 'half_open' && this.probesOut.length > 0 && this.unprovenMs >= this.options.halfOpen.leaseMs)
      this.open('probe_lease', 0, this.since);
  }

  acquire(): NaiveCall | undefined {
    const reason = this.leaseOver() ?? this.refusal();
    if (reason !== undefined) this.refused.push(`${reason}${this.shadow ? ' (shadow)' : ''}`);
    if (reason !== undefined && !this.shadow) return undefined;
    const probe = this.kind === 'half_open' && reason === undefined ? { from: this.now, to: undefined } : undefined;
    if (probe !== undefined) this.probes.push(probe);
    if (probe !== undefined) this.unproven.push(probe);
    const unrecorded = reason !== undefined || this.kind === 'disabled';
    const call: NaiveCall = { startedAt: this.now, generation: this.generation, probe, unrecorded };
    this.running.add(call);
    return call;
  }

  /** Somebody asks a half-open circuit. */
  private leaseOver(): string | undefined {
    if (this.kind !== 'half_open') return undefined;
    this.unproven.push({ from: this.now, to: this.now });
    if (this.unprovenMs < this.options.halfOpen.leaseMs) return undefined;
    this.open('probe_lease', 0, this.since);
    return 'open';
  }

  private refusal(): string | undefined {
    const { permits, rampUpMs } = this.options.halfOpen;
    if (this.kind === 'open' || this.kind === 'forced_open') return this.kind;
    if (this.kind === 'half_open') return this.probesOut.length < permits && !this.scoutIsOut() ? undefined : 'half_open_limit';
    if (this.kind === 'disabled' || this.rampFrom === undefined || this.now >= this.rampFrom + rampUpMs) return undefined;
    this.rampCredit += (this.now - this.rampFrom) / rampUpMs;
    if (this.rampCredit < 1) return this.running.size < permits ? undefined : 'ramp_up';
    this.rampCredit -= 1;
    return undefined;
  }

  /** Whether somebody has just gone ahead, and nothing has been heard yet. */
  private scoutIsOut(): boolean {
    const { scoutMs, leaseMs, permits } = this.options.halfOpen;
    const last = this.probesOut.at(-1);
    if (scoutMs === undefined || this.verdicts.length > 0 || last === undefined) return false;
    // As many as there are permits, but none sooner than `scoutMs` after the one before.
    let scouts = permits;
    while (scouts > 1 && leaseMs / scouts < scoutMs) scouts -= 1;
    return this.now - last.from < leaseMs / scouts;
  }

  settle(call: NaiveCall, outcome: Outcome, retryAfterMs: number): void {
    this.running.delete(call);
    const live = call.generation === this.generation;
    this.counted.push(live || call.unrecorded ? outcome : 'stale');
    if (!live || call.unrecorded) return;
    if (call.probe !== undefined) call.probe.to = this.now;
    if (outcome === 'ignored' || outcome === 'cancelled') return;
    const failed = outcome === 'failure';
    if (failed && this.hearsay !== 'none') this.hearsay = this.hasFailures ? 'some' : 'none';
    this.results.push({ at: this.now, failed, slow: this.now - call.startedAt > (this.options.slowCallMs ?? Number.POSITIVE_INFINITY) });
    if (this.kind === 'half_open') {
      this.verdicts.push(failed);
      this.probes = this.probesOut;
      this.unproven = this.probesOut;
      this.judgeTrial(retryAfterMs, call.startedAt);
    } else if (this.kind === 'closed') {
      this.row.push(failed);
      if (!failed && this.hearsay === 'all') {
        if (this.hasFailures) this.results = this.results.slice(-1);
        this.hearsay = 'none';
      }
      this.evaluate(retryAfterMs, !failed);
    }
  }

  private judgeTrial(retryAfterMs: number, askedAt: number): void {
    const { permits, successThreshold, failureRatio } = this.options.halfOpen;
    const failures = this.verdicts.filter((failed) => failed).length;
    const successes = this.verdicts.length - failures;
    if (successes >= successThreshold) this.move('closed', this.shadow, 'probes_succeeded');
    else if (failures > 0 && failureRatio === undefined) this.open('probes_failed', retryAfterMs, askedAt);
    else if (failures >= permits) this.open('probes_failed', retryAfterMs, askedAt);
    else if (failures > 0 && failures / Math.max(permits, this.verdicts.length) >= (failureRatio ?? 0))
      this.open('probes_failed', retryAfterMs, askedAt);
  }

  private overdue(): number {
    const { slowCallMs, countInFlight, slowRatio } = this.options;
    if (slowCallMs === undefined || !countInFlight || slowRatio === undefined) return 0;
    return [...this.running].filter((call) => call.generation === this.generation && this.now - call.startedAt > slowCallMs).length;
  }

  private evaluate(retryAfterMs: number, success = false): void {
    const { minimumCalls, failureRatio, failureCount, consecutiveFailures, slowRatio, slowCallMs } = this.options;
    const { window } = this;
    const failures = window.filter(({ failed }) => failed).length;
    const slow = window.filter((result) => result.slow).length + this.overdue();
    const total = window.length + this.overdue();
    if (consecutiveFailures !== undefined && this.consecutiveFailures >= consecutiveFailures) this.open('consecutive_failures', retryAfterMs);
    else if (failureCount !== undefined && failures >= failureCount) this.open('failure_count', retryAfterMs);
    else if (
      failureRatio !== undefined &&
      window.length >= minimumCalls &&
      failures / window.length >= failureRatio &&
      !(success && this.hearsay === 'some')
    )
      this.open('failure_ratio', retryAfterMs);
    else if (slowCallMs !== undefined && slowRatio !== undefined && total >= minimumCalls && slow / total >= slowRatio)
      this.open('slow_ratio', retryAfterMs);
  }

  private open(trigger: string, retryAfterMs: number, asOf = this.now): void {
    const { durationMs, factor, maxMs, resetAfterMs } = this.options.open;
    const closed = this.kind === 'closed';
    const closedFor = closed ? this.now - this.since : 0;
    if (closedFor > 0 && closedFor >= resetAfterMs) this.openings = 0;
    const scouted = trigger === 'probe_lease' && this.options.halfOpen.scoutMs !== undefined && this.verdicts.length === 0;
    this.scouted = scouted ? this.scouted + 1 : 0;
    if (!scouted || this.scouted % 20 === 0) this.openings += 1;
    const grown = Math.min(maxMs, durationMs * factor ** (this.openings - 1));
    const ramping = closed && this.rampFrom !== undefined && this.now < this.rampFrom + this.options.halfOpen.rampUpMs;
    // Refuted: unless what failed was asked when the server had been back for a while.
    const mayEndEarly = closed || !this.early || asOf - this.since >= durationMs;
    this.move('open', this.shadow, ramping ? 'ramp_up_failed' : trigger);
    this.until = this.now + Math.max(grown, Math.min(maxMs, retryAfterMs));
    this.mayEndEarly = mayEndEarly;
  }

  private goHalfOpen(trigger: string, early: boolean): void {
    this.move('half_open', this.shadow, trigger);
    this.early = early;
  }

  private move(to: Kind, shadow: boolean, trigger: string): void {
    if (to === this.kind && shadow === this.shadow) return;
    const beside = shadow && this.shadow;
    const names = beside ? [this.kind, to] : [this.state, shadow ? 'shadow' : to];
    this.log.push(`${this.now}: ${names[0]}>${names[1]} ${trigger}`);
    const closedByProbes = trigger === 'probes_succeeded' && this.options.halfOpen.rampUpMs > 0;
    this.begin(to, shadow, closedByProbes ? this.now : undefined);
  }

  private begin(kind: Kind, shadow: boolean, rampFrom?: number): void {
    if (kind !== this.kind && kind !== 'open') this.results = [];
    if (kind !== this.kind) this.row = [];
    Object.assign(this, { kind, shadow, since: this.now, rampFrom, rampCredit: 0, verdicts: [], probes: [], unproven: [] });
    this.generation += 1;
  }

  report(refused: boolean): void {
    if (this.kind !== 'closed' && this.kind !== 'half_open') return;
    if (this.kind === 'closed') {
      if (!this.hasFailures) this.hearsay = 'all';
      else if (this.hearsay === 'none') this.hearsay = 'some';
      this.results.push({ at: this.now, failed: true, slow: false });
      this.row.push(true);
      this.evaluate(0);
    }
    if (refused && (this.kind === 'closed' || this.kind === 'half_open')) this.open('connection', 0);
  }

  recovered(): void {
    if (this.kind === 'open' && this.mayEndEarly) this.goHalfOpen('connection', true);
  }

  byHand(verb: 'forceOpen' | 'disable' | 'shadow' | 'release' | 'reset'): void {
    const { mode } = this.options;
    const home: [Kind, boolean] = [mode === 'off' ? 'disabled' : 'closed', mode === 'shadow'];
    if (verb === 'forceOpen') this.move('forced_open', false, 'manual');
    if (verb === 'disable') this.move('disabled', false, 'manual');
    if (verb === 'shadow' && !this.shadow) this.move('closed', true, 'manual');
    const held = this.kind === 'forced_open' || this.kind === 'disabled' || this.shadow !== home[1];
    if (verb === 'release' && held) this.move(home[0], home[1], 'manual');
    if (verb !== 'reset') return;
    this.openings = 0;
    this.scouted = 0;
    if (this.kind === home[0] && this.shadow === home[1]) this.begin(...home);
    else this.move(...home, 'manual');
    this.results = [];
    this.row = [];
  }
}
