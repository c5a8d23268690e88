// The upstream's own process; driven over IPC by http-upstream.ts.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const [port, initial] = process.argv.slice(2);
let behaviour = JSON.parse(initial);
let requests = 0;

const server = createServer((request, response) => {
  requests++;
  process.send?.({ requests, path: request.url.split('?')[0] });
  const asked = behaviour;
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (chunk) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  request.on('error', () => {});
  request.on('end', () => answer(asked, request, response, { bodyBytes: bytes, bodySha256: hash.digest('hex') }));
});

function answer(asked, request, response, body) {
  const { mode } = asked;
  if (mode === 'hang') return;
  if (mode === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  if (mode === 'cut') {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': 1_000_000 });
    response.write(Buffer.alloc(1_000), () => setTimeout(() => request.socket.destroy(), asked.delayMs ?? 10));
    return;
  }
  const status = mode === 'status' ? asked.status : 200;
  const headers = { 'content-type': 'application/json', ...asked.headers };
  if (asked.retryAfter !== undefined) headers['retry-after'] = asked.retryAfter;
  const text = asked.body ?? JSON.stringify({ ok: status < 400, method: request.method, url: request.url, headers: request.headers, ...body });
  const send = () => response.writeHead(status, headers).end(text);
  if (asked.delayMs === undefined) send();
  else setTimeout(send, asked.delayMs);
}

process.on('message', (message) => {
  if (message.behaviour) behaviour = message.behaviour;
  process.send?.({ done: message.id, requests });
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
// The starter of tests may be gone between two messages.
process.on('error', () => {});
// A frozen server that thaws would close connections as idle whose requests it has not read yet.
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1');
