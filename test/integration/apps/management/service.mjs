// An ordinary service that answers its own requests and calls an upstream. It knows nothing of us.
import { createServer, get } from 'node:http';
import { createRequire } from 'node:module';

const { serve } = createRequire(import.meta.url)('../../../support/serve.cjs');

const server = createServer((_request, response) => response.end('ok'));
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const own = () =>
    new Promise((resolve, reject) => {
      get({ port, headers: { connection: 'close' } }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
      }).on('error', reject);
    });
  serve({
    own,
    port: () => port,
    async upstream() {
      const response = await fetch(process.env.UPSTREAM_URL);
      await response.text();
      return response.status;
    },
    memory() {
      globalThis.gc?.();
      return process.memoryUsage().rss;
    },
    /** Nothing of the service's own is left: does the process end? */
    finish() {
      server.close();
      process.disconnect();
    },
  });
});
