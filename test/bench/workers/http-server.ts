// The least that an HTTP server can do, so that the client is what is measured.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 2 }).end('ok');
});
server.keepAliveTimeout = 120_000;
process.on('disconnect', () => process.exit(0));
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.('ready'));
