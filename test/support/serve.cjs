// For fixture apps of either module kind: answers the calls of spawn-app.ts over the IPC channel.
// Usage: serve({ async get(key) { return redis.get(key); } })

function plain(error) {
  if (!(error instanceof Error)) return { name: 'NotAnError', message: String(error), value: error };
  const { name, message, stack, code, cause } = error;
  const own = Object.fromEntries(Object.entries(error).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)));
  return { ...own, name, message, stack, code, retryAfterMs: error.retryAfterMs, cause: cause === undefined ? undefined : plain(cause) };
}

/** @param {Record<string, (...args: any[]) => unknown>} operations */
function serve(operations) {
  process.on('message', async ({ id, operation, args }) => {
    const started = performance.now();
    let answer;
    try {
      const work = operations[operation];
      if (work === undefined) throw new Error(`the app has no operation ${operation}`);
      answer = { result: await work(...args) };
    } catch (error) {
      answer = { error: plain(error) };
    }
    if (process.connected) process.send({ id, durationMs: performance.now() - started, ...answer });
  });
  process.send?.({ ready: true });
}

module.exports = { serve };
