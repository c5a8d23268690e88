import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, Refusal } from './answer.ts';
import type { App } from './app.ts';
import { maxBodyBytes, type Request, tooLarge } from './request.ts';

/** Answers a request of Node's by an application. */
export function serve(app: App, message: IncomingMessage, response: ServerResponse): void {
  response.on('error', () => {});
  void app.handle(requestOf(message)).then((answer) => write(answer, message, response));
}

function requestOf(message: IncomingMessage): Request {
  return {
    method: message.method ?? 'GET',
    url: message.url ?? '/',
    headers: message.headers,
    remote: message.socket.remoteAddress,
    body: () => bodyOf(message),
  };
}

function write({ status, headers, body, stream }: Answer, message: IncomingMessage, response: ServerResponse): void {
  if (response.destroyed) return;
  // What the other side still sends is not waited for.
  const unread = !message.complete && message.method !== 'GET' && message.method !== 'HEAD';
  const closing = unread ? { connection: 'close' } : {};
  if (stream !== undefined) {
    response.writeHead(status, headers);
    stream(response);
    return;
  }
  const length = status === 204 || status === 304 ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  response.writeHead(status, { ...headers, ...length, ...closing });
  response.end(message.method === 'HEAD' || status === 204 || status === 304 ? undefined : body);
}

function bodyOf(message: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    message.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBodyBytes) {
        chunks.push(chunk);
        return;
      }
      message.pause();
      reject(tooLarge());
    });
    message.on('end', () => resolve(Buffer.concat(chunks)));
    message.on('error', reject);
    message.on('close', () => reject(new Refusal(400, 'bad_request', 'the request was given up')));
  });
}
