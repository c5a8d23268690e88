import type { ServerGroup } from '../shared/admission.ts';
import { type Call, callOf, canEnd, onEnding, setCall } from './call.ts';
import type { ClientState } from './client-state.ts';
import { type Admission, settleBatch } from './settle.ts';
import { admitFor } from './trial.ts';
import type { CommandLike, RedisLike } from './types.ts';

/**
 * A pipeline of a Cluster: only while it is sent is it known to which node, so the node's `sendCommand` decides, at the
 * first command for all of them. Nothing is written before the last one, so a refusal leaves no trace on the connection.
 */
export class Batch {
  readonly #operation: string;
  readonly #errors: unknown[] = [];
  #pending: number;
  #decision: Admission | Error | undefined;

  constructor(commands: readonly CommandLike[], operation: string) {
    this.#operation = operation;
    this.#pending = commands.length;
    any = true;
    for (const command of commands) {
      batches.set(command, this);
      setCall(command, undefined);
    }
  }

  /** The refusal, if the batch is refused; else the command is covered. */
  send(command: CommandLike, client: RedisLike, state: ClientState, group: ServerGroup): Error | undefined {
    this.#decision ??= admitFor(client, state, group, this.#operation);
    if (this.#decision instanceof Error) return this.#decision;
    if (canEnd(command)) this.#cover(command, this.#decision);
    return undefined;
  }

  /** Sending it has thrown: what comes of its other commands, nobody can tell. */
  abandon(): void {
    if (this.#decision !== undefined && !(this.#decision instanceof Error)) this.#decision.permit?.ignore();
  }

  #cover(command: CommandLike, admission: Admission): void {
    const rest = (): void => {
      if (callOf(command) !== call) return;
      setCall(command, undefined);
      this.#pending -= 1;
      if (this.#pending === 0) settleBatch(admission, this.#errors, undefined);
    };
    const reject = onEnding(command, {
      resolved: rest,
      rejected: (error) => {
        this.#errors.push(error);
        rest();
      },
    });
    // Of the whole batch: what thrown at one of its commands keeps back is in no queue, and ends no more.
    const end = (settle: () => void): void => {
      if (callOf(command) !== call) return;
      setCall(command, undefined);
      settle();
    };
    const call: Call = {
      admission,
      indivisible: false,
      size: 1,
      release: (error, gone) => {
        this.#errors.push(error);
        rest();
        if (gone) command.reject(error);
        else reject(error);
      },
      cancel: () => end(() => admission.permit?.cancel()),
      abandon: () => end(() => admission.permit?.ignore()),
    };
    setCall(command, call);
  }
}

const batches = new WeakMap<object, Batch>();
/** Most programs have no Cluster, and need not ask for each command. */
let any = false;

export function batchOf(command: CommandLike): Batch | undefined {
  return any ? batches.get(command) : undefined;
}
