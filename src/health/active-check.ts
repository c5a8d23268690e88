import type { ResolvedCheck } from '../config/health.ts';
import { type Clock, outsideCallContext, type Timer } from '../core/clock.ts';
import { withoutTracing } from '../core/suppress-tracing.ts';
import type { Target } from '../core/target.ts';
import type { CheckStatus } from '../registry/health-board.ts';
import { describeError } from './describe-error.ts';
import type { Question } from './question.ts';
import { Verdict } from './verdict.ts';

/** What the last one came to. */
export interface CheckResult {
  /** When it ended, in ms of the clock. */
  readonly at: number;
  readonly durationMs: number;
  /** What was asked: `PING`, `SELECT 1`, ... */
  readonly asked: string | undefined;
  /** Why it failed. */
  readonly error: string | undefined;
}

/** Checks do not begin all at once, and soon. */
const firstWithinMs = 1_000;
/** After a result that contradicts the one before, the next comes in this share of the interval. */
const doubtShare = 0.2;
/** A time-out that is so late says that this process was busy: an answer may lie unread. */
const lateMs = 100;
/** A process that is always late must come to a conclusion, too. */
const maxPardons = 5;

/**
 * One check, again and again: apart from the traffic, never two at a time, outside any span and any caller's context. Its timers
 * and connections do not keep the process alive.
 */
export class ActiveCheck {
  readonly question: Question;
  readonly #clock: Clock;
  /** After each check, and whether the verdict has changed. */
  readonly #settled: (check: ActiveCheck, before: CheckStatus) => void;
  #settings: ResolvedCheck;
  #jitter: number;
  #verdict = new Verdict();
  #since: number;
  #last: CheckResult | undefined;
  #timer: Timer | undefined;
  #underWay: { readonly since: number; readonly abort: AbortController } | undefined;
  #running = false;

  constructor(
    settings: ResolvedCheck,
    parts: {
      readonly question: Question;
      readonly clock: Clock;
      readonly jitter: number;
      readonly settled: (check: ActiveCheck, before: CheckStatus) => void;
    },
  ) {
    this.#settings = settings;
    this.question = parts.question;
    this.#clock = parts.clock;
    this.#jitter = parts.jitter;
    this.#settled = parts.settled;
    this.#since = parts.clock.now();
  }

  get settings(): ResolvedCheck {
    return this.#settings;
  }
  get status(): CheckStatus {
    return this.#verdict.status;
  }
  /** When its status began, in ms of the clock. */
  get since(): number {
    return this.#since;
  }
  /** In a row. */
  get failures(): number {
    return this.#verdict.failures;
  }
  get last(): CheckResult | undefined {
    return this.#last;
  }
  /** The server that it speaks of. */
  get target(): Target {
    const { server } = this.#settings;
    return server === undefined ? this.question.target : { server };
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#after(this.#clock.random() * Math.min(firstWithinMs, this.#settings.intervalMs));
  }

  /** Ends the one that is under way, too: its result counts no more. */
  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#underWay?.abort.abort(new Error('the check was stopped'));
  }

  /** Takes on other settings of the same question; what is known stays. */
  configure(settings: ResolvedCheck, jitter: number): void {
    const sooner = settings.intervalMs !== this.#settings.intervalMs;
    this.#settings = settings;
    this.#jitter = jitter;
    if (sooner && this.#timer !== undefined) this.#wait();
  }

  #after(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      void this.#check();
    }, ms);
  }

  #wait(): void {
    const { intervalMs } = this.#settings;
    const jitter = 1 + this.#jitter * (2 * this.#clock.random() - 1);
    this.#after(intervalMs * jitter * (this.#verdict.inDoubt ? doubtShare : 1));
  }

  async #check(): Promise<void> {
    const started = this.#clock.now();
    if (this.#underWay !== undefined) {
      // It heeds no signal: asking again beside it would only make more of those.
      const { since } = this.#underWay;
      const error = `the check before has been under way for ${Math.round((started - since) / 1_000)} s and does not end`;
      this.#settle({ asked: undefined, error }, since);
      return;
    }
    const result = await this.#ask(started);
    if (this.#running) this.#settle(result, started);
  }

  #settle({ asked, error }: Pick<CheckResult, 'asked' | 'error'>, started: number): void {
    const now = this.#clock.now();
    const before = this.status;
    this.#last = { at: now, durationMs: now - started, asked, error };
    if (this.#verdict.record(error === undefined, this.#settings)) this.#since = now;
    this.#wait();
    this.#settled(this, before);
  }

  #ask(since: number): Promise<Pick<CheckResult, 'asked' | 'error'>> {
    const abort = new AbortController();
    const underWay = { since, abort };
    this.#underWay = underWay;
    return new Promise((resolve) => {
      const deadline = this.#deadline(this.#settings.timeoutMs, (error) => abort.abort(error));
      const end = (asked: string | undefined, error: string | undefined): void => {
        deadline.cancel();
        resolve({ asked, error });
      };
      abort.signal.addEventListener('abort', () => end(undefined, describeError(abort.signal.reason)));
      outsideCallContext(() => withoutTracing(() => this.question.ask(abort.signal)))
        .then(
          (asked) => end(asked, undefined),
          (error: unknown) => end(undefined, describeError(error)),
        )
        .finally(() => {
          this.#underWay = undefined;
        });
    });
  }

  #deadline(timeoutMs: number, over: (error: Error) => void): Timer {
    let pardons = maxPardons;
    let due = 0;
    let timer: Timer;
    const set = (ms: number): void => {
      due = this.#clock.now() + ms;
      timer = this.#clock.setTimer(() => {
        if (this.#clock.now() - due <= lateMs || pardons === 0) return over(new Error(`no answer within ${timeoutMs} ms`));
        pardons -= 1;
        set(timeoutMs / maxPardons);
      }, ms);
    };
    set(timeoutMs);
    return { cancel: () => timer.cancel() };
  }
}
