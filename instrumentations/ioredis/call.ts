import { reportFault } from '../../src/core/fault.ts';
import { isolated as isolatedAs } from '../../src/core/isolated.ts';
import { type Admission, settleError, settleValue } from './settle.ts';
import type { CommandLike } from './types.ts';

/** An admitted call under way, for whoever must know whose a command in one of the client's queues is. */
export interface Call {
  readonly admission: Admission;
  /** Sent in parts, whose rest would be carried out without this one: not to be taken away. */
  readonly indivisible: boolean;
  /** How many commands it is. */
  readonly size: number;
  /**
   * Answers the caller before the client does.
   * @param gone whether the command was taken out of the client's queues: no answer will come
   */
  release(error: Error, gone: boolean): void;
  /** Nothing will come of it, and nobody is answered: its admission ends. What of it is sent again is a call of its own. */
  cancel(): void;
  /** It could not even be sent, which its caller is told by what was thrown. */
  abandon?(): void;
}

/** On commands that an admission covers: they come again from the offline queue, after a reconnect, or in a pipeline. */
const covering = Symbol('otel-breaker.call');

export function callOf(command: object): Call | undefined {
  return (command as { [covering]?: Call })[covering];
}

export function setCall(command: object, call: Call | undefined): void {
  (command as { [covering]?: Call | undefined })[covering] = call;
}

/** One whose arguments could not be made texts is rejected from the beginning, and cannot be answered: ioredis throws when it is to send it. */
export function canEnd({ reject }: CommandLike): boolean {
  return typeof reject === 'function';
}

/** How a command ends. */
export interface Ending {
  resolved(value: unknown): void;
  rejected(error: unknown): void;
}

/**
 * Hears how a command ends by standing in for its `resolve` and `reject`: no promise is touched, so nothing about its
 * timing changes. Returns the `reject` that was there; nobody who stands in later, as OpenTelemetry does, hears of its use.
 */
export function onEnding(command: CommandLike, ending: Ending): CommandLike['reject'] {
  const { resolve, reject } = command;
  command.resolve = (value) => {
    isolated(() => ending.resolved(value));
    return resolve.call(command, value);
  };
  command.reject = (error) => {
    isolated(() => ending.rejected(error));
    return reject.call(command, error);
  };
  return (error) => reject.call(command, error);
}

export function isolated(fn: () => void): void {
  isolatedAs('settling a Redis command', fn);
}

/** `released`: the caller is answered, the server's answer is still to come. */
type Stage = 'open' | 'released' | 'ended';

/** Whether a failure only means that the client sends the command again: then the admission stays open. */
export type Resent = (command: CommandLike, error: unknown, admission: Admission) => boolean;

/** A single command and its admission. On the path of every command: two closures, and no more objects than it takes. */
export class CommandCall implements Call {
  readonly admission: Admission;
  /** Set where its time is limited. */
  deadlines: { delete(call: Call): void } | undefined = undefined;
  /** Held where a breaker that only watches has a bulkhead. */
  place: { leave(): void } | undefined = undefined;
  readonly #command: CommandLike;
  readonly #resolve: CommandLike['resolve'];
  readonly #reject: CommandLike['reject'];
  readonly #resent: Resent;
  #stage: Stage = 'open';

  constructor(command: CommandLike, admission: Admission, resent: Resent) {
    this.#command = command;
    this.#resolve = command.resolve;
    this.#reject = command.reject;
    this.#resent = resent;
    this.admission = admission;
    setCall(command, this);
    // Not closures: what those name is one more object, and each of them is larger than a bound function.
    command.resolve = this.#resolved.bind(this);
    command.reject = this.#rejected.bind(this);
  }

  get size(): number {
    return 1;
  }

  get indivisible(): boolean {
    return this.#command.name === 'multi';
  }

  release(error: Error, gone: boolean): void {
    if (this.#stage !== 'open') return;
    this.admission.permit?.fail(error);
    this.#stage = gone ? 'ended' : 'released';
    this.#leave();
    if (gone) this.#command.reject(error);
    else this.#reject.call(this.#command, error);
  }

  cancel(): void {
    if (this.#end() === 'open') this.admission.permit?.cancel();
  }

  abandon(): void {
    if (this.#end() !== 'open') return;
    if (this.#command.name === 'multi') this.admission.state.inTransaction = false;
    this.admission.permit?.ignore();
  }

  #resolved(value: unknown): unknown {
    try {
      const stage = this.#end();
      if (stage === 'open') settleValue(this.admission, value);
      // The late answer of a command whose caller was answered long ago: the server is there again.
      else if (stage === 'released') this.admission.group.recovered();
    } catch (fault) {
      reportFault(fault, 'settling a Redis command');
    }
    return this.#resolve.call(this.#command, value);
  }

  #rejected(error: unknown): unknown {
    try {
      if (this.#end() === 'open' && !this.#resent(this.#command, error, this.admission)) settleError(this.admission, error);
    } catch (fault) {
      reportFault(fault, 'settling a Redis command');
    }
    return this.#reject.call(this.#command, error);
  }

  /** The stage before. */
  #end(): Stage {
    const before = this.#stage;
    this.#stage = 'ended';
    this.deadlines?.delete(this);
    this.#leave();
    // Cluster may send a failed command to another node, which has breakers of its own.
    if (callOf(this.#command) === this) setCall(this.#command, undefined);
    return before;
  }

  /** The place is free again when the caller is answered. */
  #leave(): void {
    const { place } = this;
    if (place === undefined) return;
    this.place = undefined;
    place.leave();
  }
}
