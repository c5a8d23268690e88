// The soak's HTTP server, in a process of its own; told over IPC how to misbehave.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

let fault;
const hung = new Set();

const server = createServer((request, response) => {
  const hash = createHash('sha256');
  request.on('data', (chunk) => hash.update(chunk));
  request.on('error', () => {});
  request.on('end', () => answer(request, response, hash.digest('hex')));
});

function answer(request, response, sha256) {
  const { pathname } = new URL(request.url, 'http://localhost');
  switch (fault) {
    case 'hang':
      hung.add(request.socket);
      request.socket.once('close', () => hung.delete(request.socket));
      return;
    case 'unavailable':
      response.writeHead(503, { 'retry-after': '1' }).end('not now');
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    case 'broken body':
      response.writeHead(200, { 'content-length': 1_000_000 });
      response.write('x'.repeat(1_000), () => setTimeout(() => request.socket.destroy(), 5));
      return;
  }
  if (pathname.startsWith('/json')) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ url: request.url }));
  else if (pathname === '/echo') response.end(sha256);
  else if (pathname === '/redirect') response.writeHead(302, { location: '/json?redirected' }).end();
  else if (pathname === '/slow') setTimeout(() => response.end('slow'), 300);
  else if (pathname === '/later') setTimeout(() => response.end('later'), 10_000).unref();
  else if (pathname === '/stream') stream(response, 8);
  else response.writeHead(404).end('no such thing');
}

function stream(response, chunks) {
  if (chunks === 0) return response.end();
  response.write('y'.repeat(8_192));
  setTimeout(stream, 5, response, chunks - 1);
}

process.on('message', (message) => {
  fault = message.fault;
  // Who was left hanging hears of it now.
  for (const socket of hung) socket.resetAndDestroy();
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
process.on('error', () => {});
server.listen(Number(process.argv[2]), '127.0.0.1');
