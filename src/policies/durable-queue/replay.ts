import type { Clock, Timer } from '../../core/clock.ts';
import { reportFault } from '../../core/fault.ts';
import type { AttemptVerdict } from './handlers.ts';
import type { KeyChains, QueueEntry } from './key-chains.ts';
import type { DurableQueueOptions } from './options.ts';
import { Pace } from './pace.ts';

/** What became of an attempt. */
export type Attempt =
  | { readonly ok: true }
  | { readonly ok: false; readonly verdict: AttemptVerdict; readonly error: unknown; readonly healthy: boolean };

/** What the replay needs of its queue. */
export interface ReplayPort {
  readonly chains: KeyChains;
  /** Whether something outside the queue has to end first; it is offered again then. */
  isHeldUp(entry: QueueEntry): boolean;
  /** Never rejects. `undefined`, and at once: nobody can carry it out yet. Said later, it would pass by whoever comes in between. */
  attempt(entry: QueueEntry): Promise<Attempt> | undefined;
  /** It was carried out. */
  delivered(entry: QueueEntry): void;
  /** Nothing is to be done with it any more: get rid of it, whatever it takes. */
  done(entry: QueueEntry): void;
  /** Set it aside. Rejects if that cannot be done now. */
  bury(entry: QueueEntry, error: unknown): Promise<void>;
}

/** This many failures in a row with no success between them are no longer the entries' fault. */
const STREAK = 5;

/** Carries out what waits: in order by key, several keys at a time, at a bounded rate; pausing while the server is away. */
export class Replay {
  readonly #port: ReplayPort;
  readonly #clock: Clock;
  #options: Required<DurableQueueOptions>;
  readonly #pace: Pace;
  #ready: QueueEntry[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  readonly #retries = new Set<Timer>();
  #paused = true;
  #closed = false;
  /** While the server is away: until when. */
  #pause: Timer | undefined;
  #wake: Timer | undefined;
  #pauses = 0;
  #streak = 0;
  /** After a pause one entry goes first. */
  #probing = true;
  successes = 0;

  constructor(port: ReplayPort, clock: Clock, options: Required<DurableQueueOptions>) {
    this.#port = port;
    this.#clock = clock;
    this.#options = options;
    this.#pace = new Pace(clock, options.replayPerSecond);
  }

  setOptions(options: Required<DurableQueueOptions>): void {
    this.#options = options;
    this.#pace.setRate(options.replayPerSecond);
    // What waited for its turn by the old rate waits by the new one.
    this.#wake?.cancel();
    this.#wake = undefined;
    this.#pump();
  }

  get running(): boolean {
    return !this.#paused && this.#pause === undefined;
  }

  /** Goes on at once, also in the middle of a pause: somebody knows that the server is back. */
  resume(): void {
    if (this.#closed) return;
    this.#paused = false;
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#pauses = 0;
    this.#pump();
  }

  /** Takes up nothing new until {@link resume}. */
  pause(): void {
    this.#paused = true;
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#probing = true;
  }

  /** An entry whose turn has come; one that is in hand already is not taken twice. */
  offer(entry: QueueEntry): void {
    if (entry.state !== 'waiting') return;
    entry.state = 'ready';
    this.#ready.push(entry);
    this.#pump();
  }

  /** An entry came in while the backlog is being worked off: it does not count against the rate. */
  grant(): void {
    // While nobody knows whether the server is back, what comes in is backlog.
    if (this.running && !this.#probing) this.#pace.grant();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.pause();
    this.#wake?.cancel();
    for (const timer of this.#retries) timer.cancel();
    await Promise.all(this.#inFlight);
  }

  #pump(): void {
    while (this.running && this.#ready.length > 0 && this.#inFlight.size < (this.#probing ? 1 : this.#options.concurrency)) {
      const entry = this.#ready[0] as QueueEntry;
      // An earlier one has come in between: its turn comes again when that one is through.
      if (!this.#port.chains.isNext(entry) || this.#port.isHeldUp(entry)) {
        entry.state = 'waiting';
        this.#ready.shift();
        continue;
      }
      const waitMs = this.#pace.take();
      if (waitMs > 0) {
        this.#wake ??= this.#after(waitMs, () => {
          this.#wake = undefined;
        });
        return;
      }
      this.#ready.shift();
      entry.state = 'sending';
      const attempt: Promise<void> = this.#send(entry)
        .catch((error) => reportFault(error, 'the replay of queued writes'))
        .finally(() => {
          this.#inFlight.delete(attempt);
          this.#pump();
        });
      this.#inFlight.add(attempt);
    }
  }

  async #send(entry: QueueEntry): Promise<void> {
    const attempt = this.#port.attempt(entry);
    if (attempt === undefined) {
      // Nobody's: offered again once somebody is, who may come before this has ended.
      entry.state = 'waiting';
      this.#pace.giveBack();
      return;
    }
    const result = await attempt;
    if (result.ok) {
      this.successes++;
      this.#streak = 0;
      this.#pauses = 0;
      this.#probing = false;
      this.#port.delivered(entry);
      this.#finish(entry);
    } else {
      await this.#failed(entry, result);
    }
  }

  async #failed(entry: QueueEntry, { verdict, error, healthy }: Attempt & { ok: false }): Promise<void> {
    if (verdict === 'poison') return this.#bury(entry, error);
    if (verdict === 'retry') {
      this.#streak++;
      // Alone in failing? Somebody else has succeeded since it last did, or the server is known to work.
      if (healthy || this.successes > entry.successesSeen) entry.attempts++;
      entry.successesSeen = this.successes;
      if (entry.attempts >= this.#options.maxAttempts) return this.#bury(entry, error);
      if (healthy || this.#streak < STREAK) return this.#later(entry, this.#backoff(entry.attempts));
    }
    entry.state = 'ready';
    // To the end: if it is the entry's own fault after all, the others are not held up by it.
    this.#ready.push(entry);
    this.#unavailable();
  }

  #finish(entry: QueueEntry): void {
    for (const next of this.#port.chains.sent(entry)) this.offer(next);
    this.#port.done(entry);
  }

  #unavailable(): void {
    this.#probing = true;
    if (this.#pause !== undefined || this.#paused) return;
    this.#pause = this.#after(this.#backoff(this.#pauses++), () => {
      this.#pause = undefined;
    });
  }

  async #bury(entry: QueueEntry, error: unknown): Promise<void> {
    try {
      await this.#port.bury(entry, error);
      this.#finish(entry);
      this.#streak = 0;
      // A server that refuses one entry is there for the others.
      this.#probing = false;
    } catch {
      // A full disk: it stays where it is, and its key with it.
      this.#later(entry, this.#options.maxRetryMs);
    }
  }

  #later(entry: QueueEntry, ms: number): void {
    entry.state = 'ready';
    const timer = this.#after(ms, () => {
      this.#retries.delete(timer);
      this.#ready.push(entry);
    });
    this.#retries.add(timer);
  }

  /** Half of it at random: many processes find out together that a server is back. */
  #backoff(times: number): number {
    const full = Math.min(this.#options.maxRetryMs, this.#options.retryMs * 2 ** Math.min(times, 30));
    return full / 2 + this.#clock.random() * (full / 2);
  }

  #after(ms: number, then: () => void): Timer {
    return this.#clock.setTimer(() => {
      then();
      this.#pump();
    }, ms);
  }
}
