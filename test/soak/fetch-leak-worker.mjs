// The server and the caller of fetch-leak.ts, each in a process of its own.
import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const [role, port, calls] = process.argv.slice(2);

function serve() {
  const small = Buffer.alloc(200, 'x');
  const large = Buffer.alloc(100_000, 'x');
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === '/hang') setTimeout(() => response.end(small), 50);
    else response.end(request.url === '/large' ? large : small);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

async function call(count) {
  const url = `http://127.0.0.1:${port}`;
  const kinds = [
    ...Array.from({ length: 6 }, () => async () => void (await (await fetch(url)).text())),
    async () => void (await (await fetch(url, { method: 'POST', body: 'x' })).arrayBuffer()),
    // Unread: small ones end by themselves.
    async () => void (await fetch(url)),
    async (i) => i % 40 === 0 && (await (await fetch(`${url}/large`)).body?.cancel()),
    async (i) => i % 40 === 1 && (await fetch(`${url}/hang`, { signal: AbortSignal.timeout(1) }).catch(() => undefined)),
    async (i) => {
      if (i % 40 !== 2) return;
      const controller = new AbortController();
      const response = await fetch(`${url}/large`, { signal: controller.signal });
      controller.abort();
      await response.text().catch(() => undefined);
    },
  ];
  const points = [];
  const started = performance.now();
  let done = 0;
  for (let point = 1; point <= 10; point += 1) {
    const until = Math.floor((count * point) / 10);
    const lane = async () => {
      while (done < until) {
        const i = done++;
        await kinds[i % kinds.length](Math.floor(i / kinds.length));
      }
    };
    await Promise.all(Array.from({ length: 25 }, lane));
    // Bodies that nobody reads have their grace, and what they hold is finalised.
    await sleep(300);
    for (let i = 0; i < 4; i += 1) {
      globalThis.gc();
      await sleep(20);
    }
    points.push([done, process.memoryUsage().heapUsed]);
  }
  const seconds = (performance.now() - started) / 1_000;
  process.stdout.write(JSON.stringify({ points, seconds, ...booksOfBreakers() }));
  process.exit();
}

/** Of the preloaded copy, wherever it was loaded from. */
function booksOfBreakers() {
  const all = globalThis[Symbol.for('otel-breaker.registered')]?.handle.registry.list() ?? [];
  const refused = all.reduce((sum, breaker) => sum + Object.values(breaker.snapshot().rejections).reduce((a, b) => a + b, 0), 0);
  return { inFlight: all.reduce((sum, breaker) => sum + breaker.inFlight, 0), refused };
}

if (role === 'serve') serve();
else await call(Number(calls));
