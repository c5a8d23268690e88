// Every way a request is made, answered, given up and left unread.
import { createHash } from 'node:crypto';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
/** What a careful program gives its requests. */
const patience = () => AbortSignal.timeout(20_000);

export function fetchLane(port) {
  const url = (path) => `http://127.0.0.1:${port}${path}`;
  const text = async (path, init) => {
    const response = await fetch(url(path), { signal: patience(), ...init });
    // A server that says it cannot is not wrong: the operation failed.
    if (response.status >= 500) {
      await response.body?.cancel();
      throw Object.assign(new Error('failed'), { code: `HTTP ${response.status}` });
    }
    return response.text();
  };
  async function* parts(n) {
    for (const part of ['a', 'b', `${n}`]) yield new TextEncoder().encode(part);
  }

  const operations = {
    'fetch get': (n) => text(`/json?${n}`),
    'fetch Request': (n) => text(new Request(url(`/json/${n}`), { headers: { 'x-n': `${n}` } }).url.slice(url('').length)),
    'fetch post': (n) => text('/echo', { method: 'POST', body: `body ${n}` }),
    'fetch streamed request': (n) => text('/echo', { method: 'POST', body: ReadableStream.from(parts(n)), duplex: 'half' }),
    'fetch streamed response': async () => {
      const response = await fetch(url('/stream'), { signal: patience() });
      let bytes = 0;
      for await (const chunk of response.body) bytes += chunk.length;
      if (!response.ok) throw Object.assign(new Error('failed'), { code: `HTTP ${response.status}` });
      return bytes;
    },
    'fetch redirect': () => text('/redirect'),
    'fetch aborted': async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 20);
      return fetch(url('/later'), { signal: controller.signal }).then(
        async (response) => {
          await response.body?.cancel();
          throw Object.assign(new Error('failed'), { code: `HTTP ${response.status}` });
        },
        (error) => {
          if (error.name === 'AbortError') return 'aborted';
          throw error;
        },
      );
    },
    'fetch body given up': async () => {
      const controller = new AbortController();
      const response = await fetch(url('/stream'), { signal: AbortSignal.any([controller.signal, patience()]) });
      const reader = response.body.getReader();
      await reader.read();
      controller.abort();
      await reader.read().catch(() => {});
      if (!response.ok) throw Object.assign(new Error('failed'), { code: `HTTP ${response.status}` });
      return 'given up';
    },
    'fetch cancelled body': async () => {
      const response = await fetch(url('/stream'), { signal: patience() });
      await response.body.cancel();
      if (!response.ok) throw Object.assign(new Error('failed'), { code: `HTTP ${response.status}` });
      return 'cancelled';
    },
    'fetch unread': async () => {
      const { ok, status } = await fetch(url('/json'), { signal: patience() });
      if (!ok) throw Object.assign(new Error('failed'), { code: `HTTP ${status}` });
      return status;
    },
    'fetch not found': () => text('/nowhere'),
    'fetch slow': () => text('/slow'),
  };
  const expected = {
    'fetch get': (n) => JSON.stringify({ url: `/json?${n}` }),
    'fetch Request': (n) => JSON.stringify({ url: `/json/${n}` }),
    'fetch post': (n) => sha256(`body ${n}`),
    'fetch streamed request': (n) => sha256(`ab${n}`),
    'fetch streamed response': () => 65_536,
    'fetch redirect': () => JSON.stringify({ url: '/json?redirected' }),
    'fetch aborted': () => 'aborted',
    'fetch body given up': () => 'given up',
    'fetch cancelled body': () => 'cancelled',
    'fetch unread': () => 200,
    'fetch not found': () => 'no such thing',
    'fetch slow': () => 'slow',
  };
  return {
    operations,
    expected,
    weights: { 'fetch get': 4, 'fetch slow': 0.5, 'fetch cancelled body': 0.5, 'fetch body given up': 0.5 },
    ready: () => text('/json'),
    ledger: async () => ({}),
    close: () => {},
  };
}
