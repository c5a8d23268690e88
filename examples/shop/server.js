// An ordinary small service. It knows nothing of circuit breakers or telemetry.
import { createServer } from 'node:http';
import { close, listProducts, placeOrder, readCart, saveCart, shippingPrices } from './store.js';

const routes = [
  ['GET', /^\/health$/, () => ({ ok: true })],
  ['GET', /^\/products$/, () => listProducts()],
  ['GET', /^\/cart\/([\w-]+)$/, ([id]) => readCart(id)],
  [
    'PUT',
    /^\/cart\/([\w-]+)$/,
    async ([id], cart) => {
      await saveCart(id, cart);
      return { saved: true };
    },
  ],
  ['POST', /^\/orders$/, (_path, { productId = 1, count = 1 }) => placeOrder(productId, count)],
  ['GET', /^\/shipping$/, () => shippingPrices()],
];

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://shop');
  try {
    const body = await readJson(request);
    for (const [method, pattern, handle] of routes) {
      const match = request.method === method && pattern.exec(pathname);
      if (!match) continue;
      send(response, 200, await handle(match.slice(1), body));
      return;
    }
    send(response, 404, { error: 'NOT_FOUND' });
  } catch (error) {
    // What a dependency did to us is 503 with its code; anything else is our own mistake.
    const code = error.code ?? error.cause?.code;
    const known = code !== undefined || error.name === 'MaxRetriesPerRequestError';
    send(response, known ? 503 : 500, { error: code ?? error.name, message: error.message });
  }
});

async function readJson(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`shop listens on http://127.0.0.1:${server.address().port}`);
});

process.once('SIGTERM', () => {
  server.close(() => close());
  server.closeIdleConnections();
  // Requests that wait for a dependency which does not answer are not waited for.
  setTimeout(() => process.exit(0), 1_000).unref();
});
