// The same as fetch-app.mjs, in CommonJS.
const { request } = require('undici');
const { serve } = require('../../support/serve.cjs');

serve({
  fetch: async (url) => (await fetch(url)).text(),
  request: async (url) => (await request(url)).body.text(),
  observed: () => globalThis.observed?.(),
  guard: (operation, ...args) => globalThis.guard[operation](...args),
});
