import type { Answer } from '../../src/management/answer.ts';
import type { App } from '../../src/management/app.ts';
import { composeApp } from '../../src/management/compose.ts';
import type { ManagementOptions } from '../../src/management/ports.ts';
import { Registry, type RegistryOptions } from '../../src/registry/registry.ts';
import { ManualClock } from '../../src/testing.ts';

export const secret = 'correct-horse-battery';
export const readSecret = 'reading-horse-battery';

export interface Asked {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Instead of `body`, as it is. */
  readonly raw?: string | Uint8Array;
  readonly token?: string;
  readonly remote?: string;
}

export interface Said {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly answer: Answer;
  json<T = unknown>(): T;
}

/** A management server without a socket, over a registry on a clock of the test's own. */
export class Rig {
  readonly clock = new ManualClock();
  readonly registry: Registry;
  readonly app: App;
  readonly audit: unknown[] = [];
  readonly composed: ReturnType<typeof composeApp>;

  constructor(options: ManagementOptions = {}, registry: RegistryOptions = {}) {
    this.registry = new Registry({ clock: this.clock, ...registry });
    this.composed = composeApp(this.registry, {
      tokens: [
        { name: 'ops', secret },
        { name: 'prometheus', secret: readSecret, role: 'read' },
      ],
      service: 'shop',
      onAdmin: (event) => void this.audit.push(event),
      ...options,
    });
    this.app = this.composed.app;
  }

  async ask(method: string, url: string, asked: Asked = {}): Promise<Said> {
    const text = asked.raw ?? (asked.body === undefined ? '' : JSON.stringify(asked.body));
    const headers = {
      host: '127.0.0.1:9464',
      ...(text !== '' && { 'content-type': 'application/json' }),
      ...(asked.token !== undefined && { authorization: `Bearer ${asked.token}` }),
      ...asked.headers,
    };
    const answer = await this.app.handle({
      method,
      url,
      headers,
      remote: asked.remote ?? '127.0.0.1',
      body: () => Promise.resolve(typeof text === 'string' ? new TextEncoder().encode(text) : text),
    });
    const said = typeof answer.body === 'string' ? answer.body : new TextDecoder().decode(answer.body);
    return { status: answer.status, headers: answer.headers, text: said, answer, json: <T>() => JSON.parse(said) as T };
  }

  get(url: string, asked?: Asked): Promise<Said> {
    return this.ask('GET', url, asked);
  }

  /** With the admin token. */
  post(url: string, body?: unknown, asked: Asked = {}): Promise<Said> {
    return this.ask('POST', url, { body, token: secret, ...asked });
  }

  /** A breaker whose circuit has opened by failures. */
  async open(name: string, target = {}) {
    const breaker = this.registry.get(name, target);
    for (let call = 0; call < 20; call += 1) breaker.tryAcquire()?.fail(new Error('down'));
    return breaker;
  }
}

export const path = (name: string): string => encodeURIComponent(name);
