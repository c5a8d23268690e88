import { BodyCapture } from '../../src/policies/stale-cache/http-response.ts';
import type { RequestLike } from './types.ts';

/** Of the body of a Request at most so much is kept for another attempt, in bytes: how long it is cannot be told before. */
const maxKeptBytes = 1_048_576;

/** A body that can be sent once only, as a stream, or of which nobody knows what it is. */
export const once: unique symbol = Symbol('once');

/** A body as it is now, to be sent again whatever becomes of the caller's object; `undefined` where there is none. */
export function snapshotOf(body: unknown): unknown {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string') return body;
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  switch (Object.prototype.toString.call(body)) {
    case '[object ArrayBuffer]':
      return (body as ArrayBuffer).slice(0);
    case '[object Blob]':
    case '[object File]':
      return body;
    case '[object URLSearchParams]':
      return new URLSearchParams(String(body));
    case '[object FormData]': {
      const copy = new ((body as FormData).constructor as typeof FormData)();
      for (const [name, value] of body as FormData) copy.append(name, value as string);
      return copy;
    }
    default:
      return once;
  }
}

/** A copy of a Request's body, taken while the first attempt sends it. */
export class KeptBody {
  /** All of it, once it has come to its end within the limit. */
  bytes: Uint8Array<ArrayBuffer> | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(request: RequestLike) {
    try {
      this.#reader = request.clone?.().body?.getReader();
      void this.#read();
    } catch {
      // It has been used already: `fetch` says so in its own words.
    }
  }

  /** Gives the source free: it may be waiting for both of its readers to let go. */
  drop(): void {
    this.bytes = undefined;
    this.#reader?.cancel().catch(() => {});
    this.#reader = undefined;
  }

  async #read(): Promise<void> {
    const capture = new BodyCapture(maxKeptBytes);
    try {
      for (let part = await this.#reader?.read(); part !== undefined; part = await this.#reader?.read()) {
        if (part.done) {
          if (this.#reader !== undefined) this.bytes = capture.end() as Uint8Array<ArrayBuffer> | undefined;
          return;
        }
        capture.add(part.value);
        if (capture.overflown) return this.drop();
      }
    } catch {
      // The source failed: so does the attempt that sends it.
    }
  }
}
