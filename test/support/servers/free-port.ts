import { createServer } from 'node:net';

const given = new Set<number>();

/**
 * Below where systems take the ports of outgoing connections from (Linux 32,768, others 49,152): one of those may be in use by the
 * time that whoever was given it listens, since every call of every client has one.
 */
const range = { from: 15_000, to: 32_000 } as const;

/** A TCP port of 127.0.0.1 that nobody listens on now, and that this process was not given before. */
export async function freePort(): Promise<number> {
  for (let attempts = 0; attempts < 1_000; attempts += 1) {
    const port = range.from + Math.floor(Math.random() * (range.to - range.from));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port from ${range.from} to ${range.to}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
