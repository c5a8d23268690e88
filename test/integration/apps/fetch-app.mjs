// An application of its own: it knows nothing of circuit breakers or telemetry.
import { request } from 'undici';
import { serve } from '../../support/serve.cjs';

serve({
  fetch: async (url) => (await fetch(url)).text(),
  request: async (url) => (await request(url)).body.text(),
  observed: () => globalThis.observed?.(),
  guard: (operation, ...args) => globalThis.guard[operation](...args),
});
