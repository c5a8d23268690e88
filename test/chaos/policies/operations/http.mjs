const questions = ['/a', '/b', '/c', '/stream/d'];

export function httpLane(port, { isStale, staleAge }) {
  const base = `http://127.0.0.1:${port}`;
  const ask = async (id, path, init = {}) => {
    const { headers = {}, ...rest } = init;
    const response = await fetch(base + path, { ...rest, headers: { ...headers, 'x-call': id } });
    const stale = isStale(response) ? staleAge(response) : undefined;
    if (!response.ok) {
      await response.body?.cancel();
      throw Object.assign(new Error('not well'), { code: `status ${response.status}` });
    }
    const body = await response.json();
    return { subject: path, value: { ...body, call: id }, stale };
  };
  const of = (next, list) => list[Math.floor(next() * list.length)];
  const body = (next) => (next() < 0.5 ? 'text' : Buffer.from('bytes'));

  return {
    operations: {
      get: (next, id) => ask(id, of(next, questions)),
      personal: (next, id) => ask(id, of(next, questions), { headers: { authorization: 'Bearer mine' } }),
      post: async (next, id) => ({ ...(await ask(id, '/post', { method: 'POST', body: body(next) })), subject: id }),
      known: async (next, id) => ({
        ...(await ask(id, '/known', { method: 'POST', body: body(next), headers: { 'idempotency-key': id } })),
        subject: id,
      }),
      put: async (next, id) => ({ ...(await ask(id, '/put', { method: 'PUT', body: body(next) })), subject: id }),
      streamed: async (_next, id) => {
        const source = new Blob(['streamed']).stream();
        return { ...(await ask(id, '/streamed', { method: 'PUT', body: source, duplex: 'half' })), subject: id };
      },
    },
    weights: { get: 4, personal: 1, post: 1, known: 0.5, put: 0.5, streamed: 0.5 },
    writes: ['post', 'known', 'put', 'streamed'],
    pick: () => undefined,
    close: () => undefined,
  };
}
