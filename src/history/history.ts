import type { Breaker } from '../breaker/breaker.ts';
import type { TransitionEvent } from '../breaker/events.ts';
import type { Timer } from '../core/clock.ts';
import { reportFault } from '../core/fault.ts';
import type { Registry } from '../registry/registry.ts';
import { Transitions } from '../registry/transitions.ts';
import { BreakerPast } from './breaker-past.ts';
import { type MoveRecord, moveRecord, type Sample } from './records.ts';
import { wallTime } from './wall-time.ts';

/** Between two samples. */
export const tickMs = 5_000;

/** Moves that one breaker may have kept, and all together. */
const movesEach = 64;
const movesInAll = 5_000;
/** How long the past of a breaker that its registry has dropped is kept, in ticks (half an hour), and of how many such. */
const goneTicks = 360;
const goneAtMost = 200;
/** Moves of all breakers that are told at once. */
const movesTold = 500;

/**
 * What has been, of every breaker of a registry: its last moves, and samples of its window: every 5 s for 16 minutes, one a
 * minute for two hours. One timer for all of them, which does not keep the process alive; a call pays nothing for it. A breaker
 * that has calls all the time has 12 to 15 kB of it, one that has none 2 kB; a round of a thousand takes 2 ms.
 */
export class History {
  readonly #registry: Registry;
  readonly #pasts = new Map<string, BreakerPast>();
  readonly #held: Disposable[];
  readonly #transitions: Transitions;
  readonly #startedAt: number;
  readonly #listeners = new Set<(tick: number) => void>();
  #epochOfStart: number;
  #moves = 0;
  #lastFault: string | undefined;
  #tick = 0;
  #timer: Timer | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#startedAt = registry.clock.now();
    this.#epochOfStart = wallTime();
    this.#held = [registry.on('added', ({ breaker }) => this.#add(breaker)), registry.on('removed', ({ breaker }) => this.#leave(breaker))];
    for (const breaker of registry.list()) this.#add(breaker);
    this.#transitions = new Transitions(registry);
    this.#transitions.on((event) => this.#moved(event));
    this.#wait();
  }

  /** Of the last samples: they are {@link tickMs} apart. */
  get tick(): number {
    return this.#tick;
  }

  /** Every breaker's, and of those that were dropped of late. */
  get pasts(): ReadonlyMap<string, BreakerPast> {
    return this.#pasts;
  }

  /** Called after every round of samples. */
  onSampled(listener: (tick: number) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Oldest first: of one breaker, or the last ones of all. */
  moves(breaker?: string): MoveRecord[] {
    if (breaker !== undefined) return [...(this.#pasts.get(breaker)?.moves ?? [])];
    const all = [...this.#pasts.values()].flatMap(({ moves }) => moves);
    return all.sort((a, b) => a.at - b.at).slice(-movesTold);
  }

  /** Oldest first. */
  samples(breaker: string): Sample[] {
    return this.#pasts.get(breaker)?.samples(this.#tick, (tick) => Math.round(this.#epochOfStart + tick * tickMs)) ?? [];
  }

  close(): void {
    this.#timer?.cancel();
    for (const each of this.#held) each[Symbol.dispose]();
    this.#transitions.dispose();
    this.#listeners.clear();
    this.#pasts.clear();
  }

  #wait(): void {
    const { clock } = this.#registry;
    const due = this.#startedAt + (this.#tick + 1) * tickMs;
    this.#timer = clock.setTimer(
      () => {
        this.#sampleAll();
        this.#wait();
      },
      Math.max(1, due - clock.now()),
    );
  }

  /** A timer's fault would be the end of the process. */
  #sampleAll(): void {
    try {
      const now = this.#registry.clock.now();
      this.#tick = Math.max(this.#tick + 1, this.#tickOf(now));
      // The clock that people read may have been set, or the machine have slept.
      const epochOfStart = wallTime() - (now - this.#startedAt);
      if (Math.abs(epochOfStart - this.#epochOfStart) > 250) this.#epochOfStart = epochOfStart;
      // Drops those that nobody uses, as it does when somebody asks.
      this.#registry.list();
      for (const past of this.#pasts.values()) past.sample(this.#tick);
      this.#forget();
    } catch (fault) {
      this.#report(fault, 'the history of breakers');
    }
    for (const listener of this.#listeners) {
      try {
        listener(this.#tick);
      } catch (fault) {
        this.#report(fault, 'a listener of the history');
      }
    }
  }

  /** Once: every five seconds the same helps nobody. */
  #report(fault: unknown, where: string): void {
    const text = String(fault);
    if (text !== this.#lastFault) reportFault(fault, where);
    this.#lastFault = text;
  }

  #tickOf(now: number): number {
    return Math.floor((now - this.#startedAt) / tickMs);
  }

  #add(breaker: Breaker): void {
    const known = this.#pasts.get(breaker.name);
    if (known === undefined) this.#pasts.set(breaker.name, new BreakerPast(breaker, this.#tick));
    else known.resume(breaker);
  }

  #leave(breaker: Breaker): void {
    const past = this.#pasts.get(breaker.name);
    if (past?.breaker === breaker) past.leave(this.#tick);
  }

  /** The longest gone first, where they are too many. */
  #forget(): void {
    const gone = [...this.#pasts.values()].filter(({ goneSince }) => goneSince !== undefined);
    if (gone.length === 0) return;
    gone.sort((a, b) => (b.goneSince ?? 0) - (a.goneSince ?? 0));
    const over = gone.filter(({ goneSince }, index) => index >= goneAtMost || this.#tick - (goneSince ?? 0) >= goneTicks);
    for (const { name, moves } of over) {
      this.#moves -= moves.length;
      this.#pasts.delete(name);
    }
  }

  #moved(event: TransitionEvent): void {
    const past = this.#pasts.get(event.breaker.name);
    if (past === undefined) return;
    const record = moveRecord(event, Math.round(wallTime() - Math.max(0, this.#registry.clock.now() - event.at)));
    past.moves.push(record);
    past.moved(record);
    this.#moves += 1;
    if (past.moves.length > movesEach) this.#dropOldest(past);
    // Whoever has most gives some up: a circuit that flaps does not cost the others their past.
    else if (this.#moves > movesInAll) this.#dropOldest([...this.#pasts.values()].reduce((a, b) => (b.moves.length > a.moves.length ? b : a)));
  }

  #dropOldest({ moves }: BreakerPast): void {
    moves.shift();
    this.#moves -= 1;
  }
}
