import { mkdtempSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Site } from '../../soak/servers.ts';
import { freePort } from '../../support/servers/free-port.ts';
import { type PostgresHandle, startPostgres } from '../../support/servers/postgres.ts';
import { startRedis } from '../../support/servers/redis.ts';
import { ServerProcess } from '../../support/servers/server-process.ts';
import { startSlowProxy } from '../../support/servers/slow-proxy.ts';
import type { Arrival } from './types.ts';

export interface Servers {
  /** Redis, PostgreSQL and the first origin, each with a proxy before it; and the second origin. */
  readonly sites: readonly [redis: Site, postgres: Site, first: Site, second: Site];
  readonly postgres: PostgresHandle;
  /** Where Redis keeps what it has carried out. */
  readonly redisDirectory: string;
  /** Everything that has arrived at the two origins. */
  arrivals(): Arrival[];
}

/** @param folder for what they write down */
export async function startServers(folder: string): Promise<Servers> {
  const redisDirectory = mkdtempSync(join(folder, 'redis-'));
  // A write is in its file, in the hands of the kernel, before it is answered: a killed server has lost nothing of it.
  const aof = ['--dir', redisDirectory, '--appendonly', 'yes', '--appendfsync', 'no', '--auto-aof-rewrite-percentage', '0'];
  const redis = await startRedis({ args: aof });
  const postgres = await startPostgres({ sql: 'CREATE TABLE kept (id text)' });
  const log = join(folder, 'arrivals.jsonl');
  const [first, second] = [await startOrigin('first', log), await startOrigin('second', log)];
  const misbehave = (server: ServerProcess) => (fault: string | undefined) =>
    void (server.child?.connected === true && server.child.send({ fault }, () => {}));
  return {
    sites: [
      { system: 'redis', server: redis, proxy: await startSlowProxy(redis.port) },
      { system: 'pg', server: postgres, proxy: await startSlowProxy(postgres.port) },
      { system: 'fetch', server: first, proxy: await startSlowProxy(first.port), misbehave: misbehave(first) },
      { system: 'fetch', server: second, proxy: await startSlowProxy(second.port), misbehave: misbehave(second) },
    ],
    postgres,
    redisDirectory,
    arrivals: () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Arrival),
  };
}

function startOrigin(origin: Arrival['origin'], log: string): Promise<ServerProcess> {
  return freePort().then((port) =>
    ServerProcess.start({
      name: `${origin} origin`,
      command: process.execPath,
      args: [fileURLToPath(new URL('./upstream.mjs', import.meta.url)), `${port}`, origin, log],
      port,
      spawn: { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...process.env, NODE_OPTIONS: '' } },
      ready: () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(port, '127.0.0.1', () => {
            socket.destroy();
            resolve();
          });
          socket.once('error', reject);
        }),
    }),
  );
}

/** A folder of this run's own. */
export function runFolder(): string {
  return mkdtempSync(join(tmpdir(), 'otel-breaker-chaos-'));
}
