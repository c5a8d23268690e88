import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { type ServerHandle, ServerProcess } from './server-process.ts';

export type Behaviour = { delayMs?: number; headers?: Readonly<Record<string, string>>; body?: string } & (
  | /** 200 with JSON that tells what was received (method, url, headers, bodyBytes, bodySha256), after `delayMs` if given. */ { mode: 'ok' }
  | /** The request is read, nothing is ever answered. */ { mode: 'hang' }
  | { mode: 'status'; status: number /** The header's value: seconds or an HTTP date. */; retryAfter?: string }
  | /** The connection is reset (RST) once the request is read. */ { mode: 'reset' }
  | /** Status 200 and 1,000 bytes of a promised 1,000,000, then the connection is closed. */ { mode: 'cut' }
);

export interface HttpUpstreamHandle extends ServerHandle {
  readonly url: string;
  /** How requests that arrive from now on are answered. Resolves when the process has taken it; kept across restarts. */
  behave(behaviour: Behaviour): Promise<void>;
  /** Requests received since the start, over all restarts; a moment behind while requests are on their way. */
  readonly requests: number;
  /** The same by path. */
  readonly requestsByPath: Readonly<Record<string, number>>;
  /** As `requests`, after everything that the process has received so far. Never resolves while it is frozen. */
  countRequests(): Promise<number>;
}

export interface HttpUpstreamOptions {
  port?: number;
  behaviour?: Behaviour;
}

/** An HTTP server in a process of its own, so that it can be killed and frozen. */
export async function startHttpUpstream(options: HttpUpstreamOptions = {}): Promise<HttpUpstreamHandle> {
  const port = options.port ?? (await freePort());
  let behaviour: Behaviour = options.behaviour ?? { mode: 'ok' };
  let before = 0;
  let current = 0;
  let lastId = 0;
  let followed: ChildProcess | undefined;
  const waiting = new Map<number, () => void>();
  const requestsByPath: Record<string, number> = {};

  const follow = (child: ChildProcess) => {
    if (followed === child) return;
    followed = child;
    before += current;
    current = 0;
    child.on('message', ({ requests, path, done }: { requests: number; path?: string; done?: number }) => {
      current = requests;
      if (path !== undefined) requestsByPath[path] = (requestsByPath[path] ?? 0) + 1;
      if (done !== undefined) waiting.get(done)?.();
    });
  };
  const process_ = await ServerProcess.start({
    name: 'http-upstream',
    command: process.execPath,
    // The behaviour of a restarted one is told to it when it is ready: its arguments stay those of the first start.
    args: [fileURLToPath(new URL('./http-upstream-process.mjs', import.meta.url)), `${port}`, JSON.stringify(behaviour)],
    port,
    spawn: { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...process.env, NODE_OPTIONS: '' } },
    ready: async (child) => {
      follow(child);
      await connects(port);
      await ask({ behaviour });
    },
  });

  function ask(message: object): Promise<void> {
    const child = followed;
    if (child?.connected !== true) return Promise.resolve();
    const id = ++lastId;
    return new Promise((resolve) => {
      const done = () => {
        waiting.delete(id);
        resolve();
      };
      waiting.set(id, done);
      child.once('exit', done);
      child.send({ ...message, id }, (error) => error !== null && done());
    });
  }

  const added = {
    url: `http://127.0.0.1:${port}`,
    requestsByPath,
    async behave(wanted: Behaviour) {
      behaviour = wanted;
      await ask({ behaviour });
    },
    async countRequests() {
      await ask({});
      return before + current;
    },
  };
  const handle = Object.assign(process_, added);
  return Object.defineProperty(handle, 'requests', { get: () => before + current }) as typeof handle & { readonly requests: number };
}

function connects(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
