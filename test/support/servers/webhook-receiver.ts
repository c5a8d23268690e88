import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ReceivedWebhook {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
  readonly at: number;
}

/** How one request is answered: with a status and headers, or never. */
export type WebhookAnswer = { readonly status: number; readonly headers?: Readonly<Record<string, string>> } | 'hang';

/** Takes webhooks at a port of 127.0.0.1. */
export class WebhookReceiver implements AsyncDisposable {
  readonly received: ReceivedWebhook[] = [];
  /** How requests to a path are answered, one after the other; the last answer goes on. Default: 200. */
  readonly answers = new Map<string, WebhookAnswer[]>();
  readonly #server: Server;
  /** Of the certificate, for NODE_EXTRA_CA_CERTS; only with TLS. */
  readonly certificate: string | undefined;
  readonly #directory: string | undefined;

  private constructor(tls: boolean) {
    const listener: RequestListener = (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      request.on('end', () => {
        const path = request.url ?? '';
        const answers = this.answers.get(path) ?? [{ status: 200 }];
        const answer = (answers.length > 1 ? answers.shift() : answers[0]) as WebhookAnswer;
        this.received.push({ path, headers: request.headers, body: JSON.parse(text), at: performance.now() });
        if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end('ok');
      });
    };
    if (tls) {
      this.#directory = mkdtempSync(join(tmpdir(), 'otel-breaker-tls-'));
      this.certificate = join(this.#directory, 'cert.pem');
      const key = join(this.#directory, 'key.pem');
      const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
      const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      execFileSync('openssl', ['req', '-x509', ...ec, '-keyout', key, '-out', this.certificate, ...subject], { stdio: 'pipe' });
      this.#server = createTlsServer({ key: readFileSync(key), cert: readFileSync(this.certificate) }, listener);
    } else {
      this.#server = createServer(listener);
    }
  }

  static async start({ tls = false } = {}): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(tls);
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http${this.certificate === undefined ? '' : 's'}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What came to a path. */
  at(path: string): ReceivedWebhook[] {
    return this.received.filter((each) => each.path === path);
  }

  /** How many are open. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) => this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }
}
