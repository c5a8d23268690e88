// The HTTP servers of the chaos run, each in a process of its own: told over IPC how to misbehave; writes down every request that arrives.
import { openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';

const [port, origin, file] = process.argv.slice(2);
const log = openSync(file, 'a');
const hung = new Set();
let fault;
let answers = 0;

const server = createServer((request, response) => {
  const { method, headers } = request;
  const arrival = { at: Date.now(), origin, method, call: headers['x-call'] ?? '', personal: headers.authorization !== undefined };
  writeSync(log, `${JSON.stringify(arrival)}\n`);
  request.on('error', () => {});
  request.resume().on('end', () => answer(request, response));
});

function answer(request, response) {
  switch (fault) {
    case 'hang':
      hung.add(request.socket);
      request.socket.once('close', () => hung.delete(request.socket));
      return;
    case 'unavailable':
      response.writeHead(503).end('not now');
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    case 'broken body':
      response.writeHead(200, { 'content-length': 1_000_000 });
      response.write('x'.repeat(1_000), () => setTimeout(() => request.socket.destroy(), 5));
      return;
  }
  // No two answers are the same: who serves an old one without a word is found out.
  const body = JSON.stringify({ path: request.url, origin, answer: `${process.pid} ${++answers}` });
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=1' });
  if (!request.url.startsWith('/stream')) return void response.end(body);
  for (const part of body) response.write(part);
  response.end();
}

process.on('message', (message) => {
  fault = message.fault;
  for (const socket of hung) socket.resetAndDestroy();
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
process.on('error', () => {});
server.listen(Number(port), '127.0.0.1');
