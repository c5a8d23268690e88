import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FetchBreakerInstrumentation } from '../../instrumentations/fetch/instrumentation.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';

const bare = Object.getOwnPropertyDescriptor(globalThis, 'fetch') as PropertyDescriptor;
let server: Server;
let url: string;
let registry: Registry;
let instrumentation: FetchBreakerInstrumentation | undefined;

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/away') response.writeHead(302, { location: '/' }).end();
    else response.end('real');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  registry = createRegistry();
});
afterEach(() => {
  instrumentation?.disable();
  Object.defineProperty(globalThis, 'fetch', bare);
});

const enable = () => {
  instrumentation = new FetchBreakerInstrumentation({ registry });
};
/** What nock and msw do: they answer some calls by themselves, pass others on a little later, and put back the very descriptor that they found. */
function mockLibrary() {
  let found: PropertyDescriptor | undefined;
  return {
    activate() {
      found = Object.getOwnPropertyDescriptor(globalThis, 'fetch') as PropertyDescriptor;
      const real = globalThis.fetch;
      const value = async (input: string) => {
        const request = new Request(input);
        await sleep(1);
        return input.endsWith('/mocked') ? new Response('mock') : real(request);
      };
      Object.defineProperty(globalThis, 'fetch', { configurable: true, enumerable: true, value });
    },
    restore() {
      Object.defineProperty(globalThis, 'fetch', found as PropertyDescriptor);
    },
  };
}
/** What a call gets, and how many admissions it was. */
async function call(path = '/'): Promise<[text: string, admissions: number]> {
  const before = admissions();
  const text = await (await fetch(url + path)).text();
  await vi.waitFor(() => expect(registry.find(url)?.inFlight ?? 0).toBe(0));
  return [text, admissions() - before];
}
const admissions = () => Object.values(registry.find(url)?.snapshot().calls ?? {}).reduce((sum, count) => sum + count, 0);

describe('a library that mocks fetch', () => {
  it('and comes after us leaves one admission per call, which are real ones only', async () => {
    enable();
    const mock = mockLibrary();
    for (let cycle = 0; cycle < 3; cycle += 1) {
      mock.activate();
      expect(await call('/mocked')).toEqual(['mock', 0]);
      expect(await call()).toEqual(['real', 1]);
      mock.restore();
      expect(await call()).toEqual(['real', 1]);
    }
  });

  it('and was there before us takes our fetch away with its own, yet no call escapes', async () => {
    const mock = mockLibrary();
    mock.activate();
    await (await fetch(url)).text();
    enable();
    expect(await call()).toEqual(['real', 1]);
    mock.restore();
    expect(globalThis.fetch).toBe(bare.value);
    for (let cycle = 0; cycle < 3; cycle += 1) {
      expect(await call()).toEqual(['real', 1]);
      // By the dispatcher each request is a call of its own.
      expect(await call('/away')).toEqual(['real', 2]);
      mock.activate();
      expect(await call('/mocked')).toEqual(['mock', 0]);
      expect(await call()).toEqual(['real', 1]);
      mock.restore();
    }
    registry.get(url).forceOpen();
    await expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'EBREAKEROPEN' } });
    instrumentation?.disable();
    expect(await (await fetch(url)).text()).toBe('real');
  });
});

describe("Node's own fetch that somebody has kept", () => {
  it('is guarded from its second call on', async () => {
    enable();
    expect(await call()).toEqual(['real', 1]);
    const kept = bare.value as typeof fetch;
    await (await kept(url)).text();
    const before = admissions();
    await (await kept(url)).text();
    await vi.waitFor(() => expect(admissions()).toBe(before + 1));
    expect(await call()).toEqual(['real', 1]);
    expect(await call('/away')).toEqual(['real', 1]);
  });

  it('is not looked for because a guarded call was redirected', async () => {
    enable();
    expect(await call('/away')).toEqual(['real', 1]);
    const kept = bare.value as typeof fetch;
    const before = admissions();
    // The first stray call of all is what is noticed: it passes.
    await (await kept(url)).text();
    await sleep(20);
    expect(admissions()).toBe(before);
  });
});
