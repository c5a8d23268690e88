import type { RequestOptions } from 'node:http';
import Module, { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { retryAfterMs } from './retry-after.ts';

/**
 * Past `require` and `process.getBuiltinModule`, both of which OpenTelemetry hooks: it patches `http` when somebody asks for it, and
 * a program of ES modules, which never does, would make spans because of us.
 */
const load = (Module as { _load?: (id: string) => unknown })._load ?? createRequire(import.meta.url);

export interface Answer {
  readonly status: number;
  /** How long the other side asks to be left alone; 0: it does not say. */
  readonly retryAfterMs: number;
}

/** One request under way. */
export interface Posting {
  /** Rejects with an error whose `code` says why there is no answer: `ETIMEDOUT` when its time is over. */
  readonly answer: Promise<Answer>;
  /** From now on the process waits for it. */
  hold(): void;
  /** Nobody wants its answer any more. */
  abandon(): void;
}

export interface Post {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
}

/**
 * Sends by the process' own agent, so that proxies that it has are used; follows no redirect, reads no body, and does not keep the
 * process alive.
 * @param outside runs what must make no span and be guarded by no breaker
 */
export function post({ url, headers, body, timeoutMs }: Post, clock: Clock, outside: <R>(fn: () => R) => R): Posting {
  let socket: Socket | undefined;
  let held = false;
  let abandon = (): void => {};
  const answer = new Promise<Answer>((resolve, reject) => {
    const { request } = load(url.protocol === 'https:' ? 'https' : 'http') as typeof import('node:http');
    const options: RequestOptions = {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        connection: 'close',
        ...headers,
      },
    };
    const sent = outside(() => request(url, options));
    const timer = clock.setTimer(() => sent.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })), timeoutMs);
    abandon = () => {
      timer.cancel();
      sent.destroy();
    };
    sent.once('socket', (used) => {
      socket = used;
      if (!held) used.unref();
    });
    sent.once('response', (response) => {
      timer.cancel();
      // What it says beside its status is nothing to us, and may be without end.
      response.once('error', () => {});
      response.destroy();
      resolve({ status: response.statusCode ?? 0, retryAfterMs: retryAfterMs(response.headers['retry-after']) });
    });
    sent.on('error', (error) => {
      timer.cancel();
      reject(error);
    });
    outside(() => sent.end(body));
  });
  return {
    answer,
    hold: () => {
      held = true;
      socket?.ref();
    },
    abandon: () => abandon(),
  };
}
