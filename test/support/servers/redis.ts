import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { requireServer } from './require-server.ts';
import { type ServerHandle, ServerProcess } from './server-process.ts';

/** The nodes of a cluster talk to each other on ports so far above their own. */
const busAbove = 10_000;

export interface RedisOptions {
  /** Default: a free one. */
  port?: number;
  /** Further arguments of redis-server, such as `['--requirepass', 'x']`. */
  args?: readonly string[];
}

/** A redis-server of its own, empty, that keeps nothing on disk: a restarted one is empty again. */
export async function startRedis(options: RedisOptions = {}): Promise<ServerHandle> {
  const command = requireServer('redis-server');
  const port = options.port ?? (await freePort());
  const directory = await mkdtemp(join(tmpdir(), 'otel-breaker-redis-'));
  const fixed = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--appendonly', 'no', '--daemonize', 'no'];
  return ServerProcess.start({
    name: 'redis-server',
    command,
    args: [...fixed, ...(options.args ?? [])],
    port,
    directory,
    ready: () => ping(port),
  });
}

/** The nodes of a cluster of so many, without replicas, each of which has its part of the slots. */
export async function startRedisCluster(count: number): Promise<ServerHandle[]> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '60000', '--cluster-require-full-coverage', 'no'];
  const nodes: ServerHandle[] = [];
  for (let node = 0; node < count; node += 1) nodes.push(await startRedis({ port: await freePort(busAbove), args }));
  await promisify(execFile)('redis-cli', ['--cluster', 'create', ...nodes.map(({ port }) => `127.0.0.1:${port}`), '--cluster-yes']);
  return nodes;
}

/** Resolves when the server answers a PING, be it with "NOAUTH". */
function ping(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer to PING')));
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      const answer = data.toString();
      if (answer.startsWith('+PONG') || answer.startsWith('-NOAUTH')) resolve();
      else reject(new Error(answer));
    });
  });
}
