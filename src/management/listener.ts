import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import Module, { createRequire } from 'node:module';

/**
 * Past `require` and `process.getBuiltinModule`, both of which OpenTelemetry hooks: it patches `http` when somebody asks for it, and
 * a program of ES modules, which never does, would make server spans because of us.
 */
const load = (Module as { _load?: (id: string) => unknown })._load ?? createRequire(import.meta.url);

/** Where it is served unless somebody says otherwise: the port that OpenTelemetry's Prometheus exporters have. */
export const usualPort = 9_464;
/** Of several processes on a host each takes the next port; beyond so many something else must be wrong. */
const portsTried = 100;

/** A client that is slower, or holds more, is up to no good. In ms, bytes and connections. */
const limits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8_192,
} as const;
const maxConnections = 64;
const idleSocketMs = 30_000;

export interface Place {
  readonly host: string;
  /** `undefined`: the first that is free. */
  readonly port: number | undefined;
  /** Where the search begins. Default: the usual port. */
  readonly firstPort?: number | undefined;
}

/** An HTTP server that neither keeps the process alive nor can be held up by one client. */
export class Listener {
  readonly #server: Server;
  readonly #place: Place;
  readonly #firstPort: number;
  #port: number;
  #closed = false;

  constructor(place: Place, answer: (request: IncomingMessage, response: ServerResponse) => void) {
    this.#place = place;
    this.#firstPort = place.firstPort ?? usualPort;
    this.#port = place.port ?? this.#firstPort;
    // Only now: loading it loads Node's own undici, and the npm package then finds Node's agent in place of its own.
    const { createServer } = load('node:http') as typeof import('node:http');
    this.#server = createServer(limits, answer).unref();
    this.#server.maxConnections = maxConnections;
    this.#server.maxHeadersCount = 64;
    this.#server.timeout = idleSocketMs;
    // Whoever asks keeps the connection; it must not keep the process.
    this.#server.on('connection', (socket) => socket.unref());
    // OpenTelemetry patches the class: what is asked of us is no request of the service's, and makes no span of it.
    Object.defineProperty(this.#server, 'emit', { value: EventEmitter.prototype.emit });
  }

  get port(): number {
    return this.#port;
  }

  /** Whether it had to take another port than it would have. */
  get moved(): boolean {
    return this.#place.port === undefined && this.#port !== this.#firstPort;
  }

  get url(): string {
    const { host } = this.#place;
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.#port}`;
  }

  /** The address it has got; a name may stand for another than thought. */
  get address(): string | undefined {
    const address = this.#server.address();
    return typeof address === 'object' ? address?.address : undefined;
  }

  /** @throws the error of the system when there is no port to be had */
  async listen(): Promise<void> {
    for (;;) {
      try {
        await this.#try();
        break;
      } catch (error) {
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (this.#place.port !== undefined || !taken || this.#port >= this.#firstPort + portsTried) throw error;
        this.#port += 1;
      }
    }
    if (this.#closed) this.close();
    const address = this.#server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    // Of a single connection, later on: nothing that the service should hear of.
    this.#server.on('error', () => {});
  }

  #try(): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        this.#server.off('listening', listening);
        reject(error);
      };
      const listening = (): void => {
        this.#server.off('error', failed);
        resolve();
      };
      this.#server.once('error', failed);
      this.#server.once('listening', listening);
      // Exclusive: the workers of a cluster would share one port, and each request would ask another of them.
      this.#server.listen({ host: this.#place.host, port: this.#port, exclusive: true });
    });
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
