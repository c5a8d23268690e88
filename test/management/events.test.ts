import { describe, expect, it } from 'vitest';
import type { Sink } from '../../src/management/answer.ts';
import { path, Rig } from './rig.ts';

/** A client that reads, or does not. */
class Client implements Sink {
  readonly got: string[] = [];
  reads = true;
  writableLength = 0;
  ended = false;
  destroyed = false;
  readonly #listeners: Partial<Record<'close' | 'drain', () => void>> = {};

  write(text: string): boolean {
    if (this.reads) this.got.push(text);
    else this.writableLength += text.length;
    return this.reads;
  }
  end(): void {
    this.ended = true;
    this.#listeners.close?.();
  }
  destroy(): void {
    this.destroyed = true;
    this.#listeners.close?.();
  }
  on(event: 'close' | 'drain', listener: () => void): void {
    this.#listeners[event] = listener;
  }
  drain(): void {
    this.reads = true;
    this.writableLength = 0;
    this.#listeners.drain?.();
  }
  names(): string[] {
    return this.got.flatMap((text) => /^event: (\w+)/.exec(text)?.[1] ?? []);
  }
}

async function listening(rig: Rig): Promise<Client> {
  const client = new Client();
  const said = await rig.get('/api/events');
  expect([said.status, said.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
  said.answer.stream?.(client);
  return client;
}

describe('events', () => {
  it('begin with the overview, come every second, and tell of what happens as it happens', async () => {
    const rig = new Rig({ reload: () => Promise.resolve({ applied: true, changes: [], atNextStart: [] }) });
    const client = await listening(rig);
    expect(client.names()).toEqual(['overview']);
    rig.clock.advance(2_000);
    expect(client.names()).toEqual(['overview', 'overview', 'overview']);
    client.got.length = 0;
    await rig.open('a b');
    await rig.post(`/admin/circuit-breakers/${path('a b')}/reset`);
    await rig.post('/admin/config/reload');
    expect(client.names()).toEqual(['transition', 'transition', 'admin', 'config']);
    const { data } = /^data: (?<data>.*)$/m.exec(client.got[0] ?? '')?.groups ?? {};
    expect(JSON.parse(data ?? '')).toMatchObject({ breaker: 'a b', from: 'closed', to: 'open' });
  });

  it('cost nothing while nobody listens', async () => {
    const rig = new Rig();
    const timers = rig.clock.pendingTimers;
    const client = await listening(rig);
    client.destroy();
    expect(rig.composed.events.clients).toBe(0);
    const before = client.got.length;
    rig.clock.advance(10_000);
    expect(client.got).toHaveLength(before);
    expect(rig.clock.pendingTimers).toBe(timers);
  });

  it('are not kept for a client that does not read, and after a while it is let go', async () => {
    const rig = new Rig();
    const [stuck, other] = [await listening(rig), await listening(rig)];
    stuck.reads = false;
    rig.clock.advance(5_000);
    const once = stuck.writableLength;
    expect(once).toBeGreaterThan(0);
    rig.clock.advance(5_000);
    expect(stuck.writableLength).toBe(once);
    expect(stuck.destroyed).toBe(false);
    rig.clock.advance(10_000);
    expect([stuck.destroyed, other.destroyed, rig.composed.events.clients]).toEqual([true, false, 1]);
  });

  it('go on for a client that was slow for a moment', async () => {
    const rig = new Rig();
    const client = await listening(rig);
    client.reads = false;
    rig.clock.advance(3_000);
    client.drain();
    client.got.length = 0;
    rig.clock.advance(30_000);
    expect([client.destroyed, client.names().length]).toEqual([false, 30]);
  });

  it('never wait in more than a quarter of a megabyte for one client', async () => {
    const rig = new Rig();
    const client = await listening(rig);
    const breaker = rig.registry.get('a'.repeat(1_000));
    client.reads = false;
    for (let move = 0; move < 1_000 && !client.destroyed; move += 1) move % 2 === 0 ? breaker.forceOpen() : breaker.reset();
    expect(client.destroyed).toBe(true);
    expect(client.writableLength).toBeLessThan(280_000);
  });

  it('of very many breakers are no reason to let a client go', async () => {
    const rig = new Rig({}, { maxBreakers: 2_000 });
    for (let breaker = 0; breaker < 1_500; breaker += 1) rig.registry.get(`redis://10.0.0.5:6379 ${breaker}`);
    const client = await listening(rig);
    expect(client.got.join('').length).toBeGreaterThan(300_000);
    // A client that reads, but has not got all of it yet.
    client.reads = false;
    rig.clock.advance(1_000);
    rig.registry.list()[0]?.forceOpen();
    expect([client.destroyed, client.names()[0]]).toEqual([false, 'overview']);
  });

  it('are for sixteen clients at a time', async () => {
    const rig = new Rig();
    const clients: Client[] = [];
    for (let index = 0; index < 16; index += 1) clients.push(await listening(rig));
    expect((await rig.get('/api/events')).status).toBe(503);
    clients[0]?.destroy();
    expect((await rig.get('/api/events')).status).toBe(200);
  });

  it('end for everybody when the server closes, and nobody can listen any more', async () => {
    const rig = new Rig();
    const client = await listening(rig);
    rig.composed.dispose();
    expect(client.ended).toBe(true);
    expect((await rig.get('/api/events')).status).toBe(503);
    rig.registry.get('a').forceOpen();
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('are no stream for who asks for the head only', async () => {
    const rig = new Rig();
    const said = await rig.ask('HEAD', '/api/events');
    const client = new Client();
    said.answer.stream?.(client);
    expect([said.status, client.ended, client.got, rig.composed.events.clients]).toEqual([200, true, [], 0]);
  });
});
