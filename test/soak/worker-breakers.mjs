// What the protected one's breakers go through; nothing in the other one. Permits are counted where they are handed out.

export function watchBreakers(send) {
  const registry = globalThis[Symbol.for('otel-breaker.registered')]?.handle?.registry;
  const admitted = new Map();
  let counting = false;
  const watch = (breaker) => {
    admitted.set(breaker, 0);
    if (!counting) countPermits(Object.getPrototypeOf(breaker), admitted);
    counting = true;
    breaker.on('transition', ({ from, to, trigger, error }) => {
      const { name, target } = breaker;
      send({ transition: { at: Date.now(), name, port: target.port, from, to, trigger, error: error === undefined ? undefined : String(error) } });
    });
  };
  for (const breaker of registry?.list() ?? []) watch(breaker);
  registry?.on('added', ({ breaker }) => watch(breaker));

  return {
    now() {
      const list = registry?.list() ?? [];
      return {
        inFlight: list.reduce((sum, { inFlight }) => sum + inFlight, 0),
        // Half-open is well enough: nothing is refused, and a class that nobody asks for proves nothing.
        open: list.filter(({ state }) => state === 'open').map(({ name }) => name),
      };
    },
    report: () => [...admitted].map(([breaker, permits]) => ({ ...breaker.snapshot(), permits })),
  };
}

function countPermits(prototype, admitted) {
  const { tryAcquire } = prototype;
  prototype.tryAcquire = function (...args) {
    const permit = tryAcquire.apply(this, args);
    if (permit !== undefined) admitted.set(this, admitted.get(this) + 1);
    return permit;
  };
}
