import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface OddServer extends AsyncDisposable {
  readonly url: string;
  /** The same server by another origin. */
  readonly otherUrl: string;
  /** Requests that have reached it. */
  readonly requests: number;
}

type Answer = (request: IncomingMessage, response: ServerResponse, argument: string) => void;

/** By the first part of the path; the second is the argument. */
const answers: Record<string, Answer> = {
  ok: (_request, response) => void response.writeHead(200, 'Fine', { 'x-one': ['a', 'b'] }).end('ok'),
  status: (_request, response, status) => void response.writeHead(Number(status), { 'retry-after': '1' }).end(`status ${status}`),
  empty: (_request, response) => void response.writeHead(204).end(),
  gzip: (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('squeezed')),
  hints: (_request, response) => response.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => response.end('after hints')),
  large: (_request, response) => void response.end(Buffer.alloc(1_000_000, 'x')),
  hang: () => undefined,
  reset: (request) => void request.socket.resetAndDestroy(),
  garbage: (request) => void request.socket.end('this is no HTTP\r\n\r\n'),
  cut: (request, response) => void response.writeHead(200, { 'content-length': 99 }).write('x', () => setTimeout(() => request.socket.destroy(), 5)),
  trickle: (_request, response) => {
    response.write('0');
    let n = 0;
    const timer = setInterval(() => response.write(String(++n)), 5);
    response.on('close', () => clearInterval(timer));
  },
  echo: (request, response) =>
    void request.pipe(response.writeHead(200, { 'x-method': request.method, 'x-type': request.headers['content-type'] ?? '' })),
  redirect: (request, response, status) =>
    void request.resume().on('end', () => response.writeHead(Number(status), { location: '/echo' }).end('gone')),
  away: (request, response) => void response.writeHead(302, { location: `http://localhost:${request.socket.localPort}/ok` }).end(),
  loop: (_request, response) => void response.writeHead(302, { location: '/loop' }).end(),
};

/** A server on loopback that answers in every way that a client must cope with. */
export async function startOddServer(): Promise<OddServer> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    const [, name = '', argument = ''] = (request.url ?? '/').split('/');
    (answers[name] ?? answers['ok'])?.(request, response, argument);
  });
  server.on('upgrade', (_request, socket) => {
    requests += 1;
    socket.on('error', () => undefined).end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello');
  });
  server.on('connect', (_request, socket) => {
    requests += 1;
    socket.on('error', () => undefined).end('HTTP/1.1 200 Connected\r\n\r\nhello');
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    otherUrl: `http://localhost:${port}`,
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
