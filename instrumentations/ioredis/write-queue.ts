import type { Clock } from '../../src/core/clock.ts';
import type { DirectWrite } from '../../src/policies/durable-queue/direct-writes.ts';
import type { DurableQueue } from '../../src/policies/durable-queue/durable-queue.ts';
import type { QueueGauge, QueueHook, QueueSlot } from '../../src/policies/ports.ts';
import { keyText, queueable } from './queueable.ts';
import { type PendingCommand, pendingReply } from './queued-commands.ts';
import type { CommandLike } from './types.ts';
import { type Keys, WaitingLine } from './waiting-line.ts';

/** A queued write as it is on the disk. */
export interface QueuedPayload {
  readonly db: number;
  readonly name: string;
  readonly args: readonly (string | Uint8Array)[];
}

/** These touch every key there is. */
const allKeys: ReadonlySet<string> = new Set(['flushall', 'flushdb', 'swapdb']);

/** The part of a durable queue that belongs to one server: what waits, and what that means for commands that come later. */
export class WriteQueue {
  readonly slot: QueueSlot;
  /** Under this name the writes of the server are found again by the next process. */
  readonly handler: string;
  /** Of calls that cannot wait in the queue, and so wait for it. */
  readonly line: WaitingLine;
  readonly #realm: string;

  /** @param realm the server, in every process alike */
  constructor(slot: QueueSlot, realm: string, clock: Clock) {
    this.slot = slot;
    this.handler = `redis ${realm}`;
    this.#realm = realm;
    this.line = new WaitingLine(clock);
  }

  get queue(): DurableQueue | undefined {
    return this.slot.queue;
  }

  /**
   * A write's part in it; `undefined` for one that cannot wait.
   * @param also names of commands that are to wait too
   */
  hook(command: CommandLike, db: number, also: readonly string[] = []): QueueHook<unknown> | undefined {
    const { queue } = this;
    const found = queue && queueable(command.name, command.args, also);
    if (queue === undefined || found === undefined) return undefined;
    const keys = found.keys.map((key) => this.#key(db, key));
    const payload: QueuedPayload = { db, ...found.command };
    let direct: DirectWrite | undefined;
    return {
      behind: () => {
        if (queue.has(...keys)) return true;
        direct = queue.begin(keys);
        return false;
      },
      isFull: () => queue.isFullFor(payload.args.reduce((sum, { length }) => sum + length, 0)),
      passed: () => direct && queue.passed(direct),
      refused: () => direct?.failed(),
      over: () => direct?.over(),
      append: async (cause) => {
        // Switched off is switched off: to make the write a moment later would be no better.
        if ((cause as { code?: unknown } | undefined)?.code === 'EREADONLYMODE') throw cause;
        await queue.append({ handler: this.handler, keys, payload, direct, cause });
        return command.transformReply(Buffer.from(found.reply));
      },
    };
  }

  /** Whether writes, or calls behind them, wait that a command would overtake, or miss. */
  concerns(command: CommandLike, db: number): boolean {
    const keys = this.keysOf([command], db);
    return keys !== undefined && this.holdsUp(keys);
  }

  /** What commands touch together, by the names that are used here; `undefined` while nothing waits. */
  keysOf(commands: readonly CommandLike[], db: number): Keys | undefined {
    if (this.line.isEmpty && (this.queue?.depth ?? 0) === 0) return undefined;
    if (commands.some(({ name }) => allKeys.has(name.toLowerCase()))) return 'all';
    return commands.flatMap((command) => keysOf(command).map((key) => this.#key(db, key)));
  }

  /** Whether writes of keys wait, or calls behind such writes. */
  holdsUp(keys: Keys): boolean {
    return this.line.has(keys) || this.isQueued(keys);
  }

  /** Whether writes of keys wait. */
  isQueued(keys: Keys): boolean {
    const { queue } = this;
    return queue !== undefined && queue.depth > 0 && (keys === 'all' || queue.has(...keys));
  }

  /** What a read sees of the writes that wait; see {@link pendingReply}. */
  read(command: CommandLike, db: number): { readonly value: unknown } | 'unknown' | undefined {
    const { queue } = this;
    if (queue === undefined) return undefined;
    const pendingOf = (key: string): PendingCommand[] =>
      queue.pending(this.#key(db, key)).map(({ payload, ageMs }) => ({ command: payload as QueuedPayload, ageMs }));
    return pendingReply(command.name, keysOf(command), pendingOf, null);
  }

  #key(db: number, key: string): string {
    return `${this.#realm} ${db} ${key}`;
  }
}

function keysOf(command: CommandLike): string[] {
  return command.getKeys().map((key) => keyText(typeof key === 'string' || key instanceof Uint8Array ? key : String(key)));
}

/** For metrics. */
export function gaugeOf(slot: QueueSlot): QueueGauge {
  return {
    get depth() {
      return slot.queue?.depth ?? 0;
    },
    get ageMs() {
      return slot.queue?.ageMs ?? 0;
    },
  };
}
