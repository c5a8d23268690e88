import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FetchBreakerInstrumentation } from '../../instrumentations/fetch/instrumentation.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { freePort } from '../support/servers/free-port.ts';
import { type OddServer, startOddServer } from './fetch-odd-server.ts';
import { seen } from './fetch-seen.ts';

// Everything a caller can do with fetch, once without and once with us: what he sees must be the same to the last frame of a stack.

type Init = RequestInit & { duplex?: 'half' };
type Scenario = (url: string) => unknown;

let server: OddServer;
let nobody: number;
beforeAll(async () => {
  Error.stackTraceLimit = 50;
  server = await startOddServer();
  nobody = await freePort();
});
afterAll(() => server[Symbol.asyncDispose]());

const text = (body: string, pieces = 3) =>
  new ReadableStream({
    async pull(stream) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (pieces-- > 0) stream.enqueue(new TextEncoder().encode(body));
      else stream.close();
    },
  });
const post = (body: NonNullable<RequestInit['body']> | null, init: Init = {}): Init => ({ method: 'POST', body, ...init });
const streamed = (init: Init = {}): Init => post(text('piece '), { duplex: 'half', ...init });
const whole = async (response: Response) => {
  const { status, statusText, redirected, type, ok, url } = response;
  const headers = [...response.headers].filter(([name]) => name !== 'date');
  return { status, statusText, redirected, type, ok, path: url.replace(/:\d+/, ''), headers, text: await response.text(), used: response.bodyUsed };
};
const abortAfter = async (call: (signal: AbortSignal) => Promise<unknown>, when: () => unknown, reason?: unknown) => {
  const controller = new AbortController();
  const promise = call(controller.signal);
  promise.catch(() => undefined);
  await when();
  controller.abort(reason);
  return promise;
};
const firstChunk = async (response: Response) => {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  return {
    reader,
    first: Buffer.from((await reader.read()).value ?? [])
      .toString()
      .slice(0, 1),
  };
};

/** How many admissions each of them is, when not one. */
const scenarios: Record<string, Scenario | [admissions: number, Scenario]> = {
  'a text': async (url) => whole(await fetch(`${url}/ok`)),
  'a URL': async (url) => whole(await fetch(new URL(`${url}/ok?a=b#c`))),
  HEAD: async (url) => whole(await fetch(`${url}/ok`, { method: 'HEAD' })),
  'an empty answer': async (url) => whole(await fetch(`${url}/empty`)),
  'a compressed answer': async (url) => whole(await fetch(`${url}/gzip`)),
  'early hints': async (url) => whole(await fetch(`${url}/hints`)),
  'a failing status': async (url) => whole(await fetch(`${url}/status/503`)),
  'too many requests': async (url) => whole(await fetch(`${url}/status/429`)),
  keepalive: async (url) => whole(await fetch(`${url}/ok`, { keepalive: true })),
  'a Request': async (url) => whole(await fetch(new Request(`${url}/echo`, post('of a Request')))),
  'a Request with other init': async (url) => whole(await fetch(new Request(`${url}/echo`, post('a')), { method: 'PUT', body: 'b' })),
  'a Request that was used': async (url) => {
    const request = new Request(`${url}/echo`, post('x'));
    await request.text();
    return fetch(request);
  },
  'a Request, sent twice': [
    2,
    async (url) => {
      const request = new Request(`${url}/echo`, post('twice'));
      return [await whole(await fetch(request.clone())), await whole(await fetch(request))];
    },
  ],
  'a form': async (url) => {
    const form = new FormData();
    form.set('a', 'b');
    const { status, length } = await fetch(`${url}/echo`, post(form)).then(async (r) => ({ status: r.status, length: (await r.text()).length > 50 }));
    return { status, length };
  },
  'a Blob': async (url) => whole(await fetch(`${url}/echo`, post(new Blob(['blob'], { type: 'text/x' })))),
  parameters: async (url) => whole(await fetch(`${url}/echo`, post(new URLSearchParams({ a: 'b' })))),
  bytes: async (url) => whole(await fetch(`${url}/echo`, post(new Uint8Array([65, 66])))),
  'a streamed body': async (url) => whole(await fetch(`${url}/echo`, streamed())),
  'a streamed body without duplex': async (url) => fetch(`${url}/echo`, post(text('x'))),
  'a streamed body that fails': async (url) => {
    const body = new ReadableStream({ pull: (stream) => stream.error(new RangeError('source')) });
    return fetch(`${url}/echo`, post(body, { duplex: 'half' }));
  },
  'a streamed body to where it is not read': (url) => fetch(`${url}/reset`, streamed()).catch(({ message, cause }) => [message, cause.code]),
  'a redirect that is followed': async (url) =>
    Promise.all([301, 302, 303, 307, 308].map(async (s) => whole(await fetch(`${url}/redirect/${s}`, post('again'))))),
  'a redirect that is not': async (url) => whole(await fetch(`${url}/redirect/302`, { redirect: 'manual' })),
  'a redirect that is an error': (url) => fetch(`${url}/redirect/302`, { redirect: 'error' }),
  'a redirect of a streamed body': (url) => fetch(`${url}/redirect/307`, streamed()),
  'a redirect of a streamed body that becomes a GET': async (url) => whole(await fetch(`${url}/redirect/303`, streamed())),
  'a redirect to another origin': async (url) => whole(await fetch(`${url}/away`)),
  'redirects without end': (url) => fetch(`${url}/loop`),
  'an abort before': [0, (url) => fetch(`${url}/ok`, { signal: AbortSignal.abort() })],
  'an abort before, with a reason': [0, (url) => fetch(`${url}/ok`, { signal: AbortSignal.abort('reason') })],
  'an abort of a Request before': [0, (url) => fetch(new Request(`${url}/ok`, { signal: AbortSignal.abort(new RangeError('mine')) }))],
  'an abort at once': (url) =>
    abortAfter(
      (signal) => fetch(`${url}/ok`, { signal }),
      () => undefined,
    ),
  'an abort a turn later': (url) =>
    abortAfter(
      (signal) => fetch(`${url}/hang`, { signal }),
      () => Promise.resolve(),
      new RangeError('mine'),
    ),
  'an abort while connecting': (url) =>
    abortAfter(
      (signal) => fetch(`${url}/hang`, { signal }),
      () => new Promise(setImmediate),
    ),
  'an abort while waiting': (url) =>
    abortAfter(
      (signal) => fetch(`${url}/hang`, { signal }),
      () => new Promise((resolve) => setTimeout(resolve, 30)),
    ),
  'an abort while sending': (url) =>
    abortAfter(
      (signal) => fetch(`${url}/hang`, streamed({ signal })),
      () => new Promise((resolve) => setTimeout(resolve, 5)),
    ),
  'an abort after the headers': (url) => {
    let response: Response | undefined;
    const call = async (signal: AbortSignal) => {
      response = await fetch(`${url}/trickle`, { signal });
      await new Promise((resolve) => setTimeout(resolve, 30));
      return response.text();
    };
    return abortAfter(call, () => vi.waitFor(() => expect(response).toBeDefined()));
  },
  'an abort in the body': async (url) => {
    const controller = new AbortController();
    const { reader, first } = await firstChunk(await fetch(`${url}/trickle`, { signal: controller.signal }));
    controller.abort();
    const rest = await seen(async () => {
      for (;;) if ((await reader.read()).done) return 'end';
    });
    return { first, rest };
  },
  'an abort after the end': async (url) => {
    const controller = new AbortController();
    const response = await whole(await fetch(`${url}/ok`, { signal: controller.signal }));
    controller.abort();
    return response;
  },
  'a deadline': (url) => fetch(`${url}/hang`, { signal: AbortSignal.timeout(20) }),
  'one of two signals': (url) => fetch(`${url}/hang`, { signal: AbortSignal.any([AbortSignal.timeout(20), new AbortController().signal]) }),
  'a body that breaks off': async (url) => (await fetch(`${url}/cut`)).text(),
  'a body that breaks off, by pieces': async (url) => {
    const { reader } = await firstChunk(await fetch(`${url}/cut`));
    return reader.read();
  },
  'a body that is cancelled': async (url) => (await fetch(`${url}/trickle`)).body?.cancel('enough'),
  'a body that is left': async (url) => {
    for await (const chunk of (await fetch(`${url}/trickle`)).body as unknown as AsyncIterable<Uint8Array>) return String.fromCharCode(chunk[0] ?? 0);
    return 'nothing';
  },
  'a body that is cloned': async (url) => {
    const response = await fetch(`${url}/large`);
    const copy = response.clone();
    return [(await response.arrayBuffer()).byteLength, (await copy.blob()).size];
  },
  'a body that is piped through': async (url) => {
    const response = await fetch(`${url}/gzip`);
    return new Response(response.body?.pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream())).text();
  },
  'a reset connection': (url) => fetch(`${url}/reset`),
  'what is no HTTP': (url) => fetch(`${url}/garbage`),
  'nobody there': [0, () => fetch(`http://127.0.0.1:${nobody}/`)],
  'a failed integrity': async (url) => fetch(`${url}/ok`, { integrity: 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' }),
  'a forbidden method': (url) => fetch(`${url}/ok`, { method: 'CONNECT' }),
  'a forbidden header': (url) => fetch(`${url}/ok`, { headers: { 'a b': 'c' } }),
  'a body with GET': (url) => fetch(`${url}/ok`, { body: 'x' }),
  'what is no URL': [0, () => fetch('no URL')],
  'no argument': [0, () => (fetch as unknown as () => unknown)()],
  'a URL of data': [0, async () => whole(await fetch('data:text/plain,hello'))],
  'credentials in the URL': (url) => fetch(url.replace('//', '//user:pass@')),
};

describe('a caller of fetch sees the same with us as without, and it is one admission:', () => {
  it.each(Object.keys(scenarios))('%s', async (name) => {
    const entry = scenarios[name] as Scenario | [number, Scenario];
    const [admissions, scenario] = Array.isArray(entry) ? entry : [name === 'a redirect that is followed' ? 5 : 1, entry];
    const results: unknown[] = [];
    const reached: number[] = [];
    let registry = createRegistry();
    // By one line of code, for the stacks to be alike.
    for (const enabled of [false, true]) {
      registry = createRegistry();
      const instrumentation = new FetchBreakerInstrumentation({ registry, enabled });
      const before = server.requests;
      results.push(await seen(() => scenario(server.url)));
      instrumentation.disable();
      reached.push(server.requests - before);
    }
    expect(results[1]).toEqual(results[0]);
    // A request that is aborted may reach the server or not, and later.
    if (!name.startsWith('an abort')) expect(reached[1]).toBe(reached[0]);
    await vi.waitFor(() => expect(registry.get(server.url).inFlight).toBe(0), { timeout: 2_000, interval: 10 });
    const { calls } = registry.get(server.url).snapshot();
    expect(Object.values(calls).reduce((sum, count) => sum + count, 0)).toBe(admissions);
    expect(registry.find(server.otherUrl)).toBeUndefined();
  });
});
