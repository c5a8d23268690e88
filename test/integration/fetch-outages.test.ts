import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FetchBreakerInstrumentation } from '../../instrumentations/fetch/instrumentation.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';

let upstream: HttpUpstreamHandle;
let registry: Registry;
let instrumentation: FetchBreakerInstrumentation;

beforeAll(async () => {
  upstream = await startHttpUpstream();
});
afterAll(() => upstream.stop());
beforeEach(async () => {
  await upstream.behave({ mode: 'ok' });
  registry = createRegistry();
  instrumentation = new FetchBreakerInstrumentation({ registry });
});
afterEach(() => instrumentation.disable());

const stateOf = (url = upstream.url) => registry.get(url).state;

/** Calls at a steady rate, as clients without any deadline of their own make them. */
class Traffic implements Disposable {
  readonly outcomes: string[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #abort = new AbortController();

  constructor(url: string, everyMs = 20) {
    this.#timer = setInterval(() => void this.#call(url), everyMs);
  }

  async #call(url: string): Promise<void> {
    try {
      const response = await fetch(url, { signal: this.#abort.signal });
      await response.text();
      this.outcomes.push(String(response.status));
    } catch (error) {
      this.outcomes.push(String((error as { code?: unknown }).code ?? (error as { cause?: { code?: unknown } }).cause?.code));
    }
  }

  get last(): string | undefined {
    return this.outcomes.at(-1);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#abort.abort();
  }
}

describe('an upstream that accepts and never answers', () => {
  it('is cut off within two seconds with nothing configured, and used again soon after it answers', async () => {
    using traffic = new Traffic(upstream.url);
    await vi.waitFor(() => expect(traffic.outcomes.length).toBeGreaterThan(20), 3_000);
    await upstream.behave({ mode: 'hang' });
    const hungAt = performance.now();
    await vi.waitFor(() => expect(stateOf()).toBe('open'), { timeout: 2_000, interval: 20 });
    expect(performance.now() - hungAt).toBeLessThan(2_000);
    expect(registry.get(upstream.url).snapshot().lastTrip?.trigger).toBe('stall');
    await vi.waitFor(() => expect(traffic.last).toBe('EBREAKEROPEN'), 200);

    await upstream.behave({ mode: 'ok' });
    await vi.waitFor(() => expect(stateOf()).toBe('closed'), { timeout: 9_000, interval: 50 });
    await vi.waitFor(() => expect(traffic.last).toBe('200'), 500);
  });
});

describe('an upstream that is killed', () => {
  it('is cut off after a few refusals, and used again soon after its restart', async () => {
    using traffic = new Traffic(upstream.url);
    await vi.waitFor(() => expect(traffic.last).toBe('200'), 1_000);
    await upstream.kill();
    await vi.waitFor(() => expect(traffic.last).toBe('EBREAKEROPEN'), { timeout: 500, interval: 10 });
    expect(registry.get(upstream.url).snapshot().lastTrip?.trigger).toBe('connection');
    await upstream.restart();
    await vi.waitFor(() => expect(stateOf()).toBe('closed'), { timeout: 3_000, interval: 50 });
    await vi.waitFor(() => expect(traffic.last).toBe('200'), 500);
  });

  it('is used again as soon as somebody listens again, however long its circuit would stay open', async () => {
    using traffic = new Traffic(upstream.url);
    await vi.waitFor(() => expect(traffic.last).toBe('200'), 1_000);
    registry.replace(upstream.url, { open: { durationMs: 300_000, maxMs: 300_000 } });
    const moves: string[] = [];
    registry.get(upstream.url).on('transition', ({ from, to, trigger }) => moves.push(`${from} -> ${to} (${trigger})`));
    await upstream.kill();
    await vi.waitFor(() => expect(stateOf()).toBe('open'), { timeout: 5_000, interval: 10 });
    await sleep(1_000);
    expect(moves).toEqual(['closed -> open (connection)']);
    await upstream.restart();
    await vi.waitFor(() => expect(stateOf()).toBe('closed'), { timeout: 20_000, interval: 20 });
    expect(moves.slice(1)).toEqual(['open -> half_open (connection)', 'half_open -> closed (probes_succeeded)']);
  });
});

describe('an upstream that answers 503', () => {
  it('is cut off, and its callers get its own answers until then', async () => {
    await upstream.behave({ mode: 'status', status: 503 });
    using traffic = new Traffic(upstream.url);
    await vi.waitFor(() => expect(stateOf()).toBe('open'), { timeout: 2_000, interval: 20 });
    expect(new Set(traffic.outcomes.slice(0, 15))).toEqual(new Set(['503']));
    expect(registry.get(upstream.url).snapshot().lastTrip?.trigger).toBe('failure_ratio');
  });
});

describe('a healthy upstream', () => {
  let events: Server;
  let url: string;
  beforeAll(async () => {
    events = createServer((request, response) => {
      if (request.url === '/events') response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      else setTimeout(() => response.end('ok'), request.url === '/slow' ? 900 : 0);
    });
    await new Promise<void>((resolve) => events.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(events.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    events.closeAllConnections();
    events.close();
  });

  it('with many endless event streams open is not taken for one that hangs', async () => {
    for (let i = 0; i < 20; i += 1) await (await fetch(`${url}/x`)).text();
    const abort = new AbortController();
    // One after the other: on a busy machine the headers of many at once may take their time.
    const streams: Response[] = [];
    while (streams.length < 15) streams.push(await fetch(`${url}/events`, { signal: abort.signal }));
    await sleep(1_500);
    expect(streams).toHaveLength(15);
    expect(stateOf(url)).toBe('closed');
    expect(registry.get(url).inFlight).toBe(0);
    abort.abort();
  });

  it('that is slow at everything is not cut off', async () => {
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.all(Array.from({ length: 15 }, async () => (await fetch(`${url}/slow`)).text()));
      expect(new Set(answers)).toEqual(new Set(['ok']));
    }
    expect(stateOf(url)).toBe('closed');
  });
});
