import { outsideCallContext } from '../../core/clock.ts';
import { reportFault } from '../../core/fault.ts';
import type { Codec } from '../stale-cache/codec.ts';
import { type AttemptContext, type AttemptVerdict, defaultVerdict, type QueueHandler } from './handlers.ts';
import type { Attempt } from './replay.ts';

/** Who carries out which writes, and how a write's payload is read. */
export class HandlerBook {
  readonly #codec: Codec;
  readonly #handlers = new Map<string, QueueHandler>();

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  set(name: string, handler: QueueHandler): Disposable {
    this.#handlers.set(name, handler);
    return { [Symbol.dispose]: () => void (this.#handlers.get(name) === handler && this.#handlers.delete(name)) };
  }

  /** @throws NotPreservedError */
  close(handler: string, payload: unknown): Uint8Array {
    return this.#codec.encode([handler, payload]);
  }

  open(bytes: Uint8Array): { readonly handler: string; readonly payload: unknown } {
    const [handler, payload] = this.#codec.decode(bytes) as [unknown, unknown];
    if (typeof handler !== 'string') throw new TypeError('not a queued write');
    return { handler, payload };
  }

  /** For the people who read dead letters. */
  readable(bytes: Uint8Array): string {
    try {
      return process
        .getBuiltinModule('node:util')
        .inspect(this.#codec.decode(bytes), { depth: 6, maxStringLength: 1_000, maxArrayLength: 50, breakLength: Number.POSITIVE_INFINITY });
    } catch (error) {
      return `unreadable: ${String(error)}`;
    }
  }

  /** Never rejects; `undefined`, and at once, while there is no handler for it. */
  attempt(bytes: Uint8Array, context: AttemptContext): Promise<Attempt> | undefined {
    let write: { readonly handler: string; readonly payload: unknown };
    try {
      write = this.open(bytes);
    } catch (error) {
      // Written by a newer Node, or damaged: no attempt will make it readable.
      return Promise.resolve({ ok: false, verdict: 'poison', error, healthy: true });
    }
    const handler = this.#handlers.get(write.handler);
    return handler && deliver(handler, write.payload, context);
  }
}

async function deliver(handler: QueueHandler, payload: unknown, context: AttemptContext): Promise<Attempt> {
  try {
    // It belongs to no request: not even to the one during which its turn came.
    await outsideCallContext(() => handler.deliver(payload, context));
    return { ok: true };
  } catch (error) {
    return { ok: false, error, ...judge(handler, error) };
  }
}

/** Hooks of the user's: a fault in one must not stop the replay. */
function judge(handler: QueueHandler, error: unknown): { readonly verdict: AttemptVerdict; readonly healthy: boolean } {
  try {
    return { verdict: (handler.classify ?? defaultVerdict)(error), healthy: handler.healthy?.() ?? false };
  } catch (fault) {
    reportFault(fault, 'classifying the error of a queued write');
    return { verdict: 'retry', healthy: false };
  }
}
