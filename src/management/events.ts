import type { Clock, Timer } from '../core/clock.ts';
import { Refusal, type Sink } from './answer.ts';
import type { EventMap } from './wire.ts';

/** Who listens at once; each costs a connection and a text a second. */
const maxClients = 16;
/** What may wait for one client beside an overview, in characters, before it is let go: it gets everything anew when it comes back. */
const maxWaiting = 262_144;
/** How long a client may leave what was sent where it is, in ms. */
const patienceMs = 15_000;
const overviewEveryMs = 1_000;

interface Client {
  readonly sink: Sink;
  /** Since when it has taken nothing; `undefined`: it takes what comes. */
  stuckSince: number | undefined;
}

/**
 * Server-sent events for whoever listens. While nobody does, nothing is put together and no timer runs. A client that does
 * not read gets no further overviews, and after a while none of anything.
 */
export class Events {
  readonly #clock: Clock;
  readonly #overview: () => string;
  readonly #clients = new Set<Client>();
  #timer: Timer | undefined;
  /** Of the last overview: a thousand breakers make a long one. */
  #overviewLength = 0;
  #closed = false;

  /** @param overview the overview as JSON */
  constructor(clock: Clock, overview: () => string) {
    this.#clock = clock;
    this.#overview = overview;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** @throws Refusal when too many listen already */
  checkRoom(): void {
    if (this.#clients.size >= maxClients || this.#closed)
      throw new Refusal(503, 'too_many_requests', `${maxClients} clients listen already`, { 'retry-after': '5' });
  }

  add(sink: Sink): void {
    const client: Client = { sink, stuckSince: undefined };
    this.#clients.add(client);
    sink.on('close', () => this.#leave(client));
    sink.on('drain', () => {
      client.stuckSince = undefined;
    });
    this.#write(client, 'retry: 2000\n\n');
    this.#write(client, this.#overviewFrame());
    this.#tick();
  }

  send<K extends Exclude<keyof EventMap, 'overview'>>(name: K, data: EventMap[K]): void {
    if (this.#clients.size === 0) return;
    const text = frame(name, JSON.stringify(data));
    for (const client of this.#clients) this.#write(client, text);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const { sink } of this.#clients) sink.end();
    this.#clients.clear();
  }

  #tick(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      this.#beat();
      if (this.#clients.size > 0) this.#tick();
    }, overviewEveryMs);
  }

  #beat(): void {
    const now = this.#clock.now();
    for (const client of this.#clients) if (client.stuckSince !== undefined && now - client.stuckSince >= patienceMs) this.#drop(client);
    const ready = [...this.#clients].filter(({ stuckSince }) => stuckSince === undefined);
    if (ready.length === 0) return;
    const text = this.#overviewFrame();
    for (const client of ready) this.#write(client, text);
  }

  #write(client: Client, text: string): void {
    if (client.sink.writableLength + text.length > maxWaiting + 2 * this.#overviewLength) {
      this.#drop(client);
      return;
    }
    if (!client.sink.write(text)) client.stuckSince ??= this.#clock.now();
  }

  #overviewFrame(): string {
    const text = frame('overview', this.#overview());
    this.#overviewLength = text.length;
    return text;
  }

  #drop(client: Client): void {
    this.#leave(client);
    client.sink.destroy();
  }

  #leave(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

function frame(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}
