import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { decodeJson, decodeProtobuf, encodeProtobuf, type OtlpObject, type Signal } from './otlp-decode.ts';
import { logsOf, metricsOf, type ReceivedLog, type ReceivedMetric, type ReceivedSpan, spansOf } from './otlp-model.ts';

export type { Attributes, ReceivedLog, ReceivedMetric, ReceivedPoint, ReceivedSpan } from './otlp-model.ts';

export interface OtlpReceiver extends AsyncDisposable {
  readonly port: number;
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  readonly logs: readonly ReceivedLog[];
  readonly metrics: readonly ReceivedMetric[];
  /** The requests as they came, in OTLP's JSON shape: what a file of OTLP JSON holds, a line each. */
  readonly requests: readonly { signal: Signal; contentType: string; gzip: boolean; body: OtlpObject }[];
  /** What could not be read; a test may hold that it is empty. */
  readonly problems: readonly string[];
  /** How requests are answered from now on: taken, never answered, or refused with a status (nothing is recorded then). */
  behave(behaviour: 'ok' | 'hang' | number): void;
  /**
   * Resolves with the first answer of `look` that is neither undefined nor false nor an empty array, looked at now and after
   * each request received.
   * @throws after `timeoutMs` (default 20,000), naming what was received
   */
  waitFor<T>(look: (receiver: OtlpReceiver) => T | undefined | false, timeoutMs?: number): Promise<T>;
  /** Forgets what was received. */
  clear(): void;
  stop(): Promise<void>;
}

const signals: Readonly<Record<string, Signal>> = { '/v1/traces': 'traces', '/v1/logs': 'logs', '/v1/metrics': 'metrics' };

/** Receives OTLP over HTTP (protobuf or JSON, gzip or not) on a port of 127.0.0.1, and reads it by the published definitions. */
export async function startOtlpReceiver(options: { port?: number } = {}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const logs: ReceivedLog[] = [];
  const metrics: ReceivedMetric[] = [];
  const requests: { signal: Signal; contentType: string; gzip: boolean; body: OtlpObject }[] = [];
  const problems: string[] = [];
  const watchers = new Set<() => void>();
  let answering: 'ok' | 'hang' | number = 'ok';

  const server = createServer((request, response) => {
    receive(request, response).catch((error: unknown) => {
      problems.push(`${request.method} ${request.url}: ${error}`);
      response.writeHead(400).end();
    });
  });

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (answering === 'hang') return;
    if (answering !== 'ok') {
      response.writeHead(answering).end();
      return;
    }
    const signal = signals[request.url ?? ''];
    if (request.method !== 'POST' || signal === undefined) throw new Error('not an OTLP address');
    const gzip = request.headers['content-encoding'] === 'gzip';
    const body = gzip ? gunzipSync(Buffer.concat(chunks)) : Buffer.concat(chunks);
    const contentType = request.headers['content-type'] ?? '';
    const json = contentType.startsWith('application/json');
    if (!json && contentType !== 'application/x-protobuf') throw new Error(`content type ${contentType}`);
    const message = json ? decodeJson(signal, body.toString()) : decodeProtobuf(signal, body);
    if (signal === 'traces') spans.push(...spansOf(message));
    else if (signal === 'logs') logs.push(...logsOf(message));
    else metrics.push(...metricsOf(message));
    requests.push({ signal, contentType, gzip, body: message });
    response.writeHead(200, { 'content-type': contentType }).end(json ? '{}' : encodeProtobuf(signal, 'Response', {}));
    for (const watcher of [...watchers]) watcher();
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });

  const receiver: OtlpReceiver = {
    port,
    url: `http://127.0.0.1:${port}`,
    spans,
    logs,
    metrics,
    requests,
    problems,
    behave(behaviour) {
      answering = behaviour;
    },
    waitFor(look, timeoutMs = 20_000) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          watchers.delete(check);
          reject(new Error(`not received within ${timeoutMs} ms; ${summary(receiver)}`));
        }, timeoutMs);
        const check = () => {
          const found = look(receiver);
          if (found === undefined || found === false || (Array.isArray(found) && found.length === 0)) return;
          clearTimeout(timer);
          watchers.delete(check);
          resolve(found);
        };
        watchers.add(check);
        check();
      });
    },
    clear() {
      for (const list of [spans, logs, metrics, requests, problems]) list.length = 0;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return receiver;
}

function summary({ spans, logs, metrics, problems }: OtlpReceiver): string {
  const names = (list: readonly { name: string }[]) => [...new Set(list.map(({ name }) => name))].slice(0, 30).join(', ');
  return `received: spans [${names(spans)}], logs [${logs.map((log) => log.eventName).slice(0, 30)}], metrics [${names(metrics)}], problems [${problems}]`;
}
