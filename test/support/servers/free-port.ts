import { createServer } from 'node:net';

const given = new Set<number>();

/**
 * Below where systems take the ports of outgoing connections from (Linux 32,768, others 49,152): one of those may be in use by the
 * time that whoever was given it listens, since every call of every client has one.
 */
const range = { from: 15_000, to: 32_000 } as const;

/**
 * A TCP port of 127.0.0.1 that nobody listens on now, and that this process was not given before.
 * @param beside another port so far above it is to be such a one, too
 */
export async function freePort(beside = 0): Promise<number> {
  for (let attempts = 0; attempts < 1_000; attempts += 1) {
    const port = range.from + Math.floor(Math.random() * (range.to - beside - range.from));
    const ports = beside === 0 ? [port] : [port, port + beside];
    if (ports.some((each) => given.has(each)) || !(await areFree(ports))) continue;
    for (const each of ports) given.add(each);
    return port;
  }
  throw new Error(`no free port from ${range.from} to ${range.to}`);
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await isFree(port))) return false;
  return true;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
