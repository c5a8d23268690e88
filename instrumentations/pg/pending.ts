import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Clock, Timer } from '../../src/core/clock.ts';
import { reportFault } from '../../src/core/fault.ts';
import { ANSWER_AFTER_MS, CONNECT_SUSPICION_MS, VICTIM_SLACK_MS } from './defaults.ts';
import type { PgPool } from './types.ts';

/** A call under way whose caller can be answered before the server does, because pg-pool lets go of its client safely. */
export interface Pending {
  readonly breaker: Breaker;
  /** In ms of the registry's clock. */
  readonly startedAt: number;
  /** A connection attempt that no permit stands for: if it hangs, nobody but us notices. */
  readonly unseen: boolean;
  /** Whether the statement may have reached the server; otherwise the call waits for a client or connection. */
  readonly sent: boolean;
  /** It meets an injected hang, so that its server is silent whatever it says. */
  readonly hung?: boolean;
  /** Settles the caller's promise or callback; its client must not go back into the pool in use. */
  answer(): void;
  /** The pool that it waits in for a client that others use. */
  readonly queue: PgPool | undefined;
  /** What stands for it in the queue of a pool while it waits for a client, unless somebody has put something around it. */
  readonly queuedAs: unknown;
  /** Nobody will ever say how it ends. */
  abandon(): void;
  /** Its caller has been answered. */
  readonly over: boolean;
  /** It has been told to answer: the business of `PendingCalls`. */
  convicted: boolean;
}

/** A call that is found by the permit that it holds. */
export interface Permitted extends Pending {
  /** Those that wait on its server: breakers may be of several. */
  readonly among: PendingCalls;
}

/** A call that is not found by the permit that holds it. */
export interface Unpermitted extends Pending {
  /** Neighbours among such calls, and whether it is one of them: the business of `PendingCalls`. */
  older: Unpermitted | undefined;
  newer: Unpermitted | undefined;
  listed: boolean;
}

/** What is asked of the server that the calls wait for. */
export interface PendingServer {
  readonly clock: Clock;
  /** Whether it keeps silent when asked: `false` when it answers or refuses. */
  isSilent(): Promise<boolean>;
  /** It was found silent, and no call's permit has told anybody. */
  foundSilent(): void;
}

/** Longest time between two questions to a server that answers while calls wait on it, in ms. */
const LONGEST_PATIENCE_MS = 30_000;

/**
 * The calls that wait on one server. A frozen server never answers, and pg waits for ever: the breaker keeps later calls
 * away, but those admitted before would hang. They are answered once the circuit is open, the server was asked again and
 * kept silent, and they have waited long enough. A call that is slow by nature is left alone.
 *
 * Nearly all of them are the holders of permits of breakers that are followed. Those are looked through when there is an outage; to be found
 * costs such a call nothing more.
 */
export class PendingCalls {
  readonly #server: PendingServer;
  readonly #followed = new Set<Breaker>();
  /**
   * Linked through the calls themselves. A Set would leave its outgrown tables behind, each of which keeps the next one
   * alive: with thousands of calls a second all of them got into the old generation, and collecting them took most of the time.
   */
  #oldest: Unpermitted | undefined;
  #newest: Unpermitted | undefined;
  /** When the newest call that succeeded had begun. */
  #newestSuccess = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #asking = false;
  /** Doubles each time the server answers although calls wait. */
  #patience = 1;

  constructor(server: PendingServer) {
    this.#server = server;
  }

  /** The calls that hold a breaker's permits may wait for the server. */
  follow(breaker: Breaker): void {
    for (const each of this.#followed) if (each.retired && each.inFlight === 0) this.#followed.delete(each);
    this.#followed.add(breaker);
  }

  add(call: Unpermitted): void {
    if (call.listed) return;
    call.listed = true;
    call.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = call;
    else this.#newest.newer = call;
    this.#newest = call;
    if (call.unseen && this.#timer === undefined) this.#schedule();
  }

  remove(call: Unpermitted): void {
    if (!call.listed) return;
    call.listed = false;
    const { older, newer } = call;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // A call that is over must not keep others alive.
    call.older = undefined;
    call.newer = undefined;
  }

  /** Pools that end never answer those that still queue for a client. @param queue what stands in it */
  abandon(pool: PgPool, queue: ReadonlySet<unknown>): void {
    for (const call of this.#waiting()) if (call.queue === pool || (call.queuedAs !== undefined && queue.has(call.queuedAs))) call.abandon();
  }

  /** As of now, those that began first before the others. */
  #waiting(): Pending[] {
    const calls: Pending[] = [];
    for (let call = this.#oldest; call !== undefined; call = call.newer) if (!call.convicted) calls.push(call);
    for (const breaker of this.#followed) {
      for (const permit of breaker.underWay) {
        const holder = permit.holder as Permitted | undefined;
        if (holder?.among === this && !holder.convicted) calls.push(holder);
      }
    }
    return calls.sort((a, b) => a.startedAt - b.startedAt);
  }

  succeeded(startedAt: number): void {
    if (startedAt > this.#newestSuccess) this.#newestSuccess = startedAt;
    this.#patience = 1;
  }

  /** A circuit of this server has opened: who waits may have to be answered. */
  opened(): void {
    this.#patience = 1;
    this.#schedule();
  }

  #due(call: Pending): number {
    // It has outlasted successes of later calls: slow by nature.
    if (call.sent && call.hung !== true && call.startedAt < this.#newestSuccess - VICTIM_SLACK_MS) return Number.POSITIVE_INFINITY;
    if (call.breaker.state === 'open') return call.startedAt + ANSWER_AFTER_MS;
    return call.unseen && call.breaker.state === 'closed' ? call.startedAt + CONNECT_SUSPICION_MS : Number.POSITIVE_INFINITY;
  }

  #schedule(): void {
    if (this.#asking) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    const now = this.#server.clock.now();
    let due = Number.POSITIVE_INFINITY;
    for (const call of this.#waiting()) due = Math.min(due, this.#due(call));
    if (due === Number.POSITIVE_INFINITY) return;
    const backOff = this.#patience === 1 ? 0 : Math.min(CONNECT_SUSPICION_MS * this.#patience, LONGEST_PATIENCE_MS);
    this.#timer = this.#server.clock.setTimer(() => void this.#look(), Math.max(due - now, backOff, 1));
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    const now = this.#server.clock.now();
    const waiting = this.#waiting().filter((call) => this.#due(call) <= now);
    if (waiting.length > 0) {
      this.#asking = true;
      const silent = await this.#server.isSilent().catch(() => false);
      this.#asking = false;
      const victims = silent ? waiting : waiting.filter(({ hung }) => hung);
      if (victims.length > 0) this.#convict(victims);
      if (!silent) this.#patience *= 2;
    }
    this.#schedule();
  }

  #convict(waiting: readonly Pending[]): void {
    if (waiting.some((call) => call.unseen && call.breaker.state === 'closed')) this.#server.foundSilent();
    const now = this.#server.clock.now();
    for (const call of waiting) {
      // Since the question was asked it may have settled, or found company that succeeded.
      if (call.over || call.convicted || call.breaker.state !== 'open' || this.#due(call) > now) continue;
      // Once: it may turn out to have nobody to answer.
      call.convicted = true;
      try {
        call.answer();
      } catch (error) {
        reportFault(error, 'answering a call that waits on a silent server');
      }
    }
  }
}
