// An application of its own: it knows nothing of circuit breakers, retries or telemetry.
import { createRequire } from 'node:module';
import { serve } from '../../../support/serve.cjs';

const seen = async (response) => ({
  status: response.status,
  url: response.url,
  headers: Object.fromEntries(response.headers),
  body: await response.text(),
});

const bodies = {
  stream: () => new Blob(['streamed']).stream(),
  form: () => Object.assign(new FormData(), {}),
};

const require = createRequire(import.meta.url);
const { createServer } = require('node:http');

serve({
  // A server that hands on what it gets from another: requests to it are traced.
  listen: (target) =>
    new Promise((resolve) => {
      const server = createServer(async (request, response) => {
        const answer = await fetch(target + request.url).then(seen, (error) => ({ status: 500, body: String(error.code) }));
        response.writeHead(answer.status).end(answer.body);
      });
      server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
    }),
  hasLoaded: (name) => Object.keys(require.cache).some((file) => file.includes(`/node_modules/${name}/`)),
  fetch: async (url, init = {}) => seen(await fetch(url, init)),
  many: async (url, count) => {
    const results = await Promise.allSettled(Array.from({ length: count }, () => fetch(url).then(seen)));
    return results.map(({ value, reason }) => value?.status ?? reason.code ?? reason.cause?.code ?? reason.name);
  },
  upload: async (url, kind, init = {}) => seen(await fetch(url, { method: 'PUT', duplex: 'half', ...init, body: bodies[kind]() })),
  // The body is the caller's to change once the call has begun, and a Request's can be read once.
  changed: async (url) => {
    const body = Buffer.from('before');
    const headers = new Headers({ 'x-kind': 'before' });
    const answer = fetch(url, { method: 'PUT', headers, body });
    body.fill('x');
    headers.set('x-kind', 'after');
    return seen(await answer);
  },
  request: async (url, init) => {
    const request = new Request(url, init);
    const answer = await seen(await fetch(request));
    return { ...answer, bodyUsed: request.bodyUsed };
  },
  abort: async (url, afterMs) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new RangeError('enough')), afterMs);
    return seen(await fetch(url, { signal: controller.signal }));
  },
  // Reads the first bytes, then gives the rest up.
  cancel: async (url) => {
    const response = await fetch(url);
    const reader = response.body.getReader();
    const { value } = await reader.read();
    await reader.cancel('enough');
    return value.byteLength;
  },
  abortBody: async (url, afterMs) => {
    const controller = new AbortController();
    const response = await fetch(url, { signal: controller.signal });
    setTimeout(() => controller.abort(new RangeError('enough')), afterMs);
    return response.text();
  },
  // Calls that nobody gives a time, beside others.
  wait: async (url, count) => {
    const begun = performance.now();
    const ended = Array.from({ length: count }, () =>
      fetch(url).then(
        ({ status }) => status,
        ({ name, message, cause }) => `${name}: ${message}, ${cause?.code} after ${Math.floor((performance.now() - begun) / 1_000)} s`,
      ),
    );
    const others = setInterval(() => fetch(url).catch(() => {}), 50);
    const all = await Promise.all(ended);
    clearInterval(others);
    return all;
  },
  // Looks at the status only, as health checks do.
  dropped: async (url, count) => {
    const statuses = [];
    for (let n = 0; n < count; n += 1) statuses.push((await fetch(`${url}/${n}`)).status);
    for (let n = 0; n < 10; n += 1) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return statuses;
  },
  redirect: async (url, init) => {
    const response = await fetch(url, init);
    return { status: response.status, redirected: response.redirected, type: response.type, url: response.url };
  },
  kinds: async (url) => {
    const response = await fetch(url);
    const copy = response.clone();
    const reader = copy.body.getReader({ mode: 'byob' });
    const first = await reader.read(new Uint8Array(4));
    return {
      isResponse: response instanceof Response,
      url: copy.url,
      type: response.type,
      redirected: response.redirected,
      ok: response.ok,
      used: response.bodyUsed,
      first: Buffer.from(first.value).toString(),
      json: await response.json(),
    };
  },
});
