/** An HTTP answer as data: what the codec can keep. */
export interface CapturedResponse {
  readonly url: string;
  readonly status: number;
  readonly statusText: string;
  /** In order, as received; a name may stand there several times. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Decoded, as the caller would read it. */
  readonly body: Uint8Array;
}

/** Collects a body that streams by, up to a limit. */
export class BodyCapture {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] | undefined = [];
  #size = 0;

  /** @param maxBytes a longer body is not kept */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether it is of no use to go on. */
  get overflown(): boolean {
    return this.#chunks === undefined;
  }

  /** Copies the chunk: whoever sent it may use its memory again. */
  add(chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    if (this.#size > this.#maxBytes) this.#chunks = undefined;
    this.#chunks?.push(Uint8Array.from(chunk));
  }

  /** The whole body, once it has ended well; `undefined` if it was too long. */
  end(): Uint8Array | undefined {
    return this.#chunks && new Uint8Array(Buffer.concat(this.#chunks));
  }
}

/** Statuses that a `Response` may not have a body with. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);
const CHUNK = 65_536;

/** A new `Response` with a body that streams. The captured one is not touched, and may be used again. @param Made its class, where that is not Node's own */
export function replayResponse(captured: CapturedResponse, Made: typeof Response = Response): Response {
  const { status, statusText, url } = captured;
  const body = bodiless.has(status) ? null : streamOf(captured.body);
  const response = new Made(body, { status, statusText, headers: captured.headers.map(([name, value]) => [name, value] as [string, string]) });
  // The constructor leaves it empty, and callers resolve links against it.
  Object.defineProperty(response, 'url', { value: url, configurable: true });
  return response;
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      // A copy, as a Buffer's own slice would not be: what is put into the stream is gone from here.
      const chunk = Uint8Array.prototype.slice.call(bytes, sent, sent + CHUNK);
      sent += chunk.byteLength;
      if (chunk.byteLength > 0) controller.enqueue(chunk);
      if (sent < bytes.byteLength) return;
      controller.close();
      // A reader of its own buffer waits for a last answer.
      (controller as ReadableByteStreamController).byobRequest?.respond(0);
    },
  });
}
