import type { Injection } from '../../src/breaker/injection.ts';
import { type Call, isolated, setCall } from './call.ts';
import { limitTime } from './deadlines.ts';
import { type Admission, settleError } from './settle.ts';
import type { CommandLike, RedisLike } from './types.ts';

/** What a call that is not sent is of. */
interface Waiter {
  readonly client: RedisLike;
  readonly admission: Admission;
  readonly injection: Injection;
  readonly totalMs?: number | undefined;
  /** Answers its caller. */
  reject(error: unknown): void;
  /** It waits no more. */
  over?(): void;
}

/**
 * A command or pipeline that meets an injected hang: it is not sent, now or later, and its caller waits until the injection ends,
 * its time is over, its circuit opens because its server seems silent, or its client is closed.
 */
export class HungCall implements Call {
  readonly admission: Admission;
  /** In none of the client's queues: nobody is to look for it there. */
  readonly indivisible = true;
  readonly size = 1;
  readonly #waiter: Waiter;
  readonly #hold: { drop(): void };
  readonly #deadlines: { delete(call: Call): void } | undefined;
  #over = false;

  constructor(waiter: Waiter) {
    const { admission, injection, client, totalMs } = waiter;
    this.#waiter = waiter;
    this.admission = admission;
    admission.state.hung.add(this);
    this.#deadlines = limitTime(this, client, totalMs);
    this.#hold = injection.hold(() => {
      const error = injection.error(admission.breaker);
      if (this.#end(() => admission.permit?.ignore(error))) waiter.reject(error);
    });
  }

  /** Its time is over, or its server seems silent. */
  release(error: Error): void {
    if (this.#end(() => this.admission.permit?.fail(error))) this.#waiter.reject(error);
  }

  cancel(): void {
    this.#end(() => this.admission.permit?.cancel());
  }

  /** What the client itself would answer it with. */
  failed(error: unknown): void {
    if (this.#end(() => settleError(this.admission, error))) this.#waiter.reject(error);
  }

  #end(settle: () => void): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#hold.drop();
    this.#deadlines?.delete(this);
    this.admission.state.hung.delete(this);
    isolated(settle);
    this.#waiter.over?.();
    return true;
  }
}

/** Keeps a command from being sent. */
export function hangCommand(client: RedisLike, command: CommandLike, admission: Admission, injection: Injection, place?: { leave(): void }): void {
  const reject = command.reject.bind(command);
  const over = (): void => {
    setCall(command, undefined);
    place?.leave();
  };
  const call = new HungCall({ client, admission, injection, reject, over });
  setCall(command, call);
  // The client's own time-out, and whoever else ends it.
  command.reject = (error) => call.failed(error);
  const { commandTimeout } = client.options;
  if (typeof commandTimeout === 'number') command.setTimeout?.(commandTimeout);
}

/**
 * Lets a command's caller wait for its reply for longer. It is sent at once, in its place: to keep it back would change the order
 * of what is asked on a connection. What the client itself has to say (a time-out, a connection that closes) is not delayed.
 */
export function delayReply(command: CommandLike, injection: Injection): void {
  const { resolve, reject } = command;
  command.resolve = (value) => void injection.delay(() => resolve.call(command, value));
  command.reject = (error) => {
    if ((error as { name?: unknown } | null | undefined)?.name === 'ReplyError') injection.delay(() => reject.call(command, error));
    else reject.call(command, error);
  };
}
