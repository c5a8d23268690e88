import type { IncomingMessage, ServerResponse } from 'node:http';
import { reportFault } from '../core/fault.ts';
import { securityHeaders } from './answer.ts';
import { Listener, type Place } from './listener.ts';

/** Serves `/metrics` alone, where they have an address of their own: open to whoever reaches it, as Prometheus' exporters are. */
export class MetricsServer {
  readonly #listener: Listener;
  readonly #collect: () => Promise<string>;

  constructor(place: Place, collect: () => Promise<string>) {
    this.#collect = collect;
    this.#listener = new Listener(place, (request, response) => this.#answer(request, response));
  }

  get port(): number {
    return this.#listener.port;
  }

  get url(): string {
    return `${this.#listener.url}/metrics`;
  }

  get moved(): boolean {
    return this.#listener.moved;
  }

  /** @throws the error of the system when there is no port to be had */
  listen(): Promise<void> {
    return this.#listener.listen();
  }

  close(): void {
    this.#listener.close();
  }

  #answer({ method, url }: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {});
    const say = (status: number, text: string, type = 'text/plain'): void => {
      if (!response.destroyed) response.writeHead(status, { ...securityHeaders, 'content-type': type }).end(text);
    };
    if (url?.split('?')[0] !== '/metrics') say(404, 'see /metrics\n');
    else if (method !== 'GET' && method !== 'HEAD') say(405, 'GET only\n');
    else void this.#tell(say);
  }

  async #tell(say: (status: number, text: string, type?: string) => void): Promise<void> {
    try {
      say(200, await this.#collect(), 'text/plain; version=0.0.4; charset=utf-8');
    } catch (error) {
      reportFault(error, 'collecting metrics');
      say(500, 'metrics could not be collected\n');
    }
  }
}
