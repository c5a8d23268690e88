import type { Breaker } from '../../src/breaker/breaker.ts';
import { reportFault } from '../../src/core/fault.ts';
import { isolated } from '../../src/core/isolated.ts';
import { policyPorts, type StaleAnswer, type StaleStore } from '../../src/policies/ports.ts';
import { BodyCapture, type CapturedResponse, replayResponse } from '../../src/policies/stale-cache/http-response.ts';
import type { HttpHead, HttpRecord } from '../../src/policies/stale-cache/http-rules.ts';
import { httpCacheKey } from '../../src/policies/stale-cache/keys.ts';
import { staleStoreOf } from '../../src/policies/stale-store.ts';
import type { FetchRequest } from './fetch-request.ts';
import type { Responses } from './served-response.ts';
import type { ResponseLike } from './types.ts';

interface Kept {
  readonly captured: CapturedResponse;
  readonly record: HttpRecord;
}

/** Asked for by `init.cache`, or by a request that wants a part or has an answer already. */
const fresh: ReadonlySet<unknown> = new Set(['no-store', 'reload', 'no-cache']);
const partial = ['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'];

/** The part of one GET in the cache of last good answers. */
export class StaleResponse {
  readonly #store: StaleStore;
  readonly #key: string;
  readonly #head: HttpHead;
  readonly #maxBytes: number;

  /** `undefined` where its answer is not to be kept. */
  static of(breaker: Breaker, request: FetchRequest, responses: Responses): StaleResponse | undefined {
    const maxBytes = breaker.options.policies?.fallback?.stale?.maxEntryBytes;
    const { headers = [], method, url } = request;
    if (maxBytes === undefined || breaker.onlyWatches || method !== 'GET') return undefined;
    if (request.isCredentialed || fresh.has(request.cache) || partial.some((name) => request.header(name) !== undefined)) return undefined;
    const store = staleStoreOf(breaker);
    const key = store && httpCacheKey({ method, url, headers });
    if (store === undefined || key === undefined) return undefined;
    return new StaleResponse(responses, store, key, { method, url: new URL(url).pathname, headers: joined(headers) }, maxBytes);
  }

  private constructor(
    private readonly responses: Responses,
    store: StaleStore,
    key: string,
    head: HttpHead,
    maxBytes: number,
  ) {
    this.#store = store;
    this.#key = key;
    this.#head = head;
    this.#maxBytes = maxBytes;
  }

  async find(): Promise<StaleAnswer<ResponseLike> | undefined> {
    const answer = await this.#store.get(this.#key);
    if (answer === undefined) return undefined;
    const { captured, record } = answer.value as Kept;
    const ageSeconds = policyPorts().http?.mayServe(record, this.#head);
    if (ageSeconds === undefined) return undefined;
    const { Response } = this.responses;
    const response = replayResponse(captured, Response);
    response.headers.set('age', String(Math.floor(ageSeconds)));
    return { ...answer, value: resembling(Response, response, { url: captured.url, type: 'basic', redirected: false }) };
  }

  /**
   * Keeps what the caller reads while he reads it: at his pace, in no second buffer, and no longer than he does. The answer is the
   * same but for the stream, which passes everything on. What is not to be kept is the very same.
   */
  watch(response: ResponseLike): ResponseLike {
    const { Response } = this.responses;
    if (!(response instanceof Response) || response.redirected || response.bodyUsed) return response;
    try {
      const { url, status, statusText, headers } = response;
      if (Number(headers.get('content-length') ?? 0) > this.#maxBytes) return response;
      // Its package is loaded after the start, if it is installed.
      const record = policyPorts().http?.keep(this.#head, { status, headers: joined(headers) }, true);
      if (record === undefined) return response;
      const store = (body: Uint8Array): void => {
        this.#store.set(this.#key, { captured: { url, status, statusText, headers: [...headers], body }, record } satisfies Kept);
      };
      if (response.body !== null) return watched(Response, response, response.body, this.#maxBytes, store);
      store(new Uint8Array());
    } catch (fault) {
      reportFault(fault, 'keeping an answer');
    }
    return response;
  }
}

/** What a caller drops without reading it to its end is given up, as undici does with bodies of its own: they would keep their connections. */
const dropped = new FinalizationRegistry((reader: ReadableStreamDefaultReader) => void reader.cancel().catch(() => {}));

function watched(
  Made: typeof Response,
  response: Response,
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  store: (body: Uint8Array) => void,
): Response {
  const { status, statusText, headers, url, type, redirected } = response;
  const capture = new BodyCapture(maxBytes);
  const reader = body.getReader();
  const stream = new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          controller.close();
          controller.byobRequest?.respond(0);
          const whole = capture.end();
          if (whole !== undefined) isolated('keeping an answer', () => store(whole));
          return;
        }
        if (value.byteLength === 0) continue;
        capture.add(value);
        controller.enqueue(value as Uint8Array<ArrayBuffer>);
        return;
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
  dropped.register(stream, reader);
  return resembling(Made, new Made(stream, { status, statusText, headers }), { url, type, redirected });
}

/** What a constructor cannot set; clones have it too. */
function resembling(Made: typeof Response, made: Response, own: Pick<Response, 'url' | 'type' | 'redirected'>): Response {
  for (const [key, value] of Object.entries(own)) Object.defineProperty(made, key, { value, configurable: true });
  const clone = (): Response => resembling(Made, Made.prototype.clone.call(made), own);
  return Object.defineProperty(made, 'clone', { value: clone, configurable: true, writable: true });
}

function joined(headers: Iterable<readonly [name: string, value: string]>): Record<string, string> {
  const record: Record<string, string> = {};
  for (const [name, value] of headers) record[name] = Object.hasOwn(record, name) ? `${record[name]}, ${value}` : value;
  return record;
}
