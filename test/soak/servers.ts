import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/servers/free-port.ts';
import { startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import { type ServerHandle, ServerProcess } from '../support/servers/server-process.ts';
import { type SlowProxy, startSlowProxy } from '../support/servers/slow-proxy.ts';
import type { Lane, System } from './types.ts';

/** One real server, and a proxy before it: two lanes. */
export interface Site {
  readonly system: System;
  readonly server: ServerHandle;
  readonly proxy: SlowProxy;
  /** HTTP only: what the server does instead of answering; `undefined` lets it answer. */
  readonly misbehave?: (fault: string | undefined) => void;
}

const ledger = `
  CREATE TABLE ledger (process text, n int, part text);
  CREATE TABLE taken (name text PRIMARY KEY);
  INSERT INTO taken VALUES ('a')`;

export async function startSites(): Promise<Site[]> {
  // Redis keeps its data as PostgreSQL does, so that a restart changes no operation's result.
  const redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'no', '--auto-aof-rewrite-percentage', '0'] });
  const postgres = await startPostgres({ sql: ledger });
  const http = await startUpstream();
  return [
    { system: 'redis', server: redis, proxy: await startSlowProxy(redis.port) },
    { system: 'pg', server: postgres, proxy: await startSlowProxy(postgres.port) },
    {
      system: 'fetch',
      server: http,
      proxy: await startSlowProxy(http.port),
      misbehave: (fault) => void (http.child?.connected === true && http.child.send({ fault })),
    },
  ];
}

export function lanesOf(sites: readonly Site[]): Lane[] {
  return sites.flatMap(({ system, server, proxy }) => [
    { name: `${system} direct`, system, port: server.port },
    { name: `${system} proxied`, system, port: proxy.port },
  ]);
}

export async function stopSites(sites: readonly Site[]): Promise<void> {
  for (const { server, proxy } of sites) {
    await proxy.stop();
    await server.stop();
  }
}

async function startUpstream(): Promise<ServerProcess> {
  const port = await freePort();
  return ServerProcess.start({
    name: 'upstream',
    command: process.execPath,
    args: [fileURLToPath(new URL('./upstream.mjs', import.meta.url)), `${port}`],
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
  });
}
