import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FetchBreakerInstrumentation } from '../../instrumentations/fetch/instrumentation.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';

let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it("npm undici that is loaded after the first fetch, and so uses Node's own agent, is guarded all the same", async () => {
  const registry = createRegistry();
  const instrumentation = new FetchBreakerInstrumentation({ registry });
  await (await fetch(url)).text();
  const agent = Reflect.get(globalThis, Symbol.for('undici.globalDispatcher.1'));
  const { request, fetch: npmFetch } = await import('undici');
  expect(Reflect.get(globalThis, Symbol.for('undici.globalDispatcher.1'))).toBe(agent);

  await (await request(url)).body.text();
  await (await npmFetch(url)).text();
  await (await fetch(url)).text();
  expect(registry.get(url).snapshot().calls).toMatchObject({ success: 4 });
  registry.get(url).forceOpen();
  await expect(request(url)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
  await expect(npmFetch(url)).rejects.toMatchObject({ cause: { code: 'EBREAKEROPEN' } });
  await expect(fetch(url)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });

  instrumentation.disable();
  await (await request(url)).body.text();
});
