import { ConfigError, type ConfigIssue } from '../core/errors.ts';
import { check, type ObjectSchema } from '../core/schema.ts';
import type { Registry } from '../registry/registry.ts';
import { isLoopback } from './addresses.ts';
import { type Composed, composeApp, usualHost } from './compose.ts';
import { Listener } from './listener.ts';
import { serve } from './node-request.ts';
import type { ManagementOptions } from './ports.ts';
import { strongFrom } from './tokens.ts';

/** The management server of one registry. */
export interface ManagementServer {
  /** Where it serves; `undefined` before `listen` and after `close`. */
  readonly url: string | undefined;
  readonly port: number | undefined;
  /**
   * Begins to serve; the process does not live on for it.
   * @returns the address, as `http://127.0.0.1:9464`
   * @throws Error for a port that is taken, or an address that others could reach without a token
   */
  listen(): Promise<string>;
  /** Ends every connection. Idempotent. */
  close(): void;
  [Symbol.dispose](): void;
}

const callback = { kind: 'function', offable: true } as const;
const source = { kind: 'any' } as const;

const schema: ObjectSchema = {
  kind: 'object',
  properties: {
    host: { kind: 'string' },
    port: { kind: 'number', integer: true, min: 0, max: 65_535, offable: true },
    firstPort: { kind: 'number', integer: true, min: 1, max: 65_435, offable: true },
    allowedHosts: { kind: 'array', items: { kind: 'string' } },
    tokens: {
      kind: 'array',
      items: {
        kind: 'object',
        properties: { name: { kind: 'string' }, secret: { kind: 'string' }, role: { kind: 'enum', values: ['admin', 'read'] } },
        required: ['name', 'secret'],
      },
    },
    readiness: { kind: 'object', properties: { failOn: { kind: 'enum', values: ['never', 'critical', 'emergency'] } } },
    service: { kind: 'string', offable: true },
    ...Object.fromEntries(['mode', 'metrics', 'reload', 'page', 'onAdmin', 'log'].map((key) => [key, callback])),
    ...Object.fromEntries(['modes', 'health', 'alerts', 'history', 'faults'].map((key) => [key, source])),
  },
};

/**
 * Makes a server that shows and controls the breakers of a registry: health, metrics, the live page, server-sent events, and
 * admin requests for whoever holds a token. `GET /openapi.json` describes it.
 * @throws ConfigError naming every option at fault, never a secret
 */
export function createManagementServer(registry: Registry, options: ManagementOptions = {}): ManagementServer {
  const issues: ConfigIssue[] = [];
  check(schema, options, issues);
  const shown = issues.map((issue) => (issue.path.startsWith('tokens') ? { ...issue, value: '[...]' } : issue));
  if (shown.length > 0) throw new ConfigError(shown);
  return new Management(registry, options);
}

class Management implements ManagementServer {
  readonly #options: ManagementOptions;
  readonly #host: string;
  readonly #composed: Composed;
  #listener: Listener | undefined;
  #serving = false;

  constructor(registry: Registry, options: ManagementOptions) {
    this.#options = options;
    this.#host = options.host ?? usualHost;
    this.#composed = composeApp(registry, options);
  }

  get url(): string | undefined {
    return this.#serving ? this.#listener?.url : undefined;
  }

  get port(): number | undefined {
    return this.#serving ? this.#listener?.port : undefined;
  }

  async listen(): Promise<string> {
    if (this.#listener !== undefined) throw new Error('the management server listens already');
    this.#refuseOpenDoors();
    const listener = new Listener({ host: this.#host, port: this.#options.port, firstPort: this.#options.firstPort }, (request, response) =>
      serve(this.#composed.app, request, response),
    );
    this.#listener = listener;
    await listener.listen();
    // `localhost` is a name like others, and the machine's own files say what it stands for.
    if (isLoopback(this.#host) && !isLoopback(listener.address ?? '')) {
      listener.close();
      throw new Error(`${this.#host} is ${listener.address} here, which others can reach`);
    }
    this.#serving = true;
    this.#tell(listener);
    return listener.url;
  }

  close(): void {
    this.#serving = false;
    this.#composed.dispose();
    this.#listener?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What others can reach must not be open to everybody. */
  #refuseOpenDoors(): void {
    const { tokens = [] } = this.#options;
    const weak = tokens.filter(({ secret }) => secret.length < strongFrom).map(({ name }) => name);
    if (isLoopback(this.#host)) {
      if (weak.length > 0) this.#options.log?.('warn', `token ${weak.join(', ')}: the secret has fewer than ${strongFrom} characters`);
      return;
    }
    const todo = 'set OTEL_BREAKER_ADMIN_TOKEN=name:secret, or serve at 127.0.0.1';
    if (tokens.length === 0) throw new Error(`${this.#host} can be reached by others, and there is no token: ${todo}`);
    if (weak.length > 0)
      throw new Error(
        `${this.#host} can be reached by others, and the secret of ${weak.join(', ')} has fewer than ${strongFrom} characters: ${todo}`,
      );
  }

  #tell({ url, moved }: Listener): void {
    const { tokens = [], log } = this.#options;
    const admin = tokens.some(({ role = 'admin' }) => role === 'admin');
    const control = admin ? '' : '; nobody can control anything by it, because OTEL_BREAKER_ADMIN_TOKEN is not set';
    log?.('info', `management at ${url}/${control}`);
    if (moved) log?.('warn', `management at ${url}/: the usual port is taken, by another process with otel-breaker perhaps`);
  }
}
