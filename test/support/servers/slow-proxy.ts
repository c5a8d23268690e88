import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

export interface SlowProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Connections open now. */
  readonly open: number;
  /** Bytes that clients sent so far, whether or not they were passed on. */
  readonly bytesFromClients: number;
  /** Each chunk takes this much longer, in both directions; the order is kept. 0 takes it away. */
  delay(ms: number): void;
  /** On: connections are accepted and read, nothing is passed on in either direction, ever (what arrives meanwhile is lost). */
  blackhole(on: boolean): void;
  /** Resets every open connection; new ones are accepted. */
  cut(): void;
  /** True: resets every open connection and refuses new ones. False: accepts again. */
  refuse(on: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** A TCP proxy in this process, on a port of 127.0.0.1, to another port of it. */
export async function startSlowProxy(targetPort: number): Promise<SlowProxy> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let delayMs = 0;
  let swallow = false;
  let connections = 0;
  let open = 0;
  let bytesFromClients = 0;
  let server: Server | undefined;

  const accept = (client: Socket) => {
    connections++;
    open++;
    client.once('close', () => open--);
    client.on('data', (chunk) => (bytesFromClients += chunk.length));
    const upstream = connect(targetPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    pass(client, upstream);
    pass(upstream, client);
  };

  const pass = (from: Socket, to: Socket) => {
    const waiting: (() => void)[] = [];
    // In the order in which it came, also when the delay has become shorter meanwhile.
    const later = (act: () => void) => {
      if (delayMs === 0 && waiting.length === 0) return act();
      waiting.push(act);
      setTimeout(() => waiting.shift()?.(), delayMs);
    };
    from.on('data', (chunk) => {
      if (!swallow) later(() => to.writable && to.write(chunk));
    });
    from.on('end', () => {
      if (!swallow) later(() => to.end());
    });
    // A reset arrives as a reset; while swallowing, the other side learns nothing.
    from.on('error', () => !swallow && to.resetAndDestroy());
    from.on('close', () => !swallow && later(() => to.destroy()));
  };

  const listen = () =>
    new Promise<void>((resolve, reject) => {
      server = createServer({ allowHalfOpen: true }, accept);
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const close = async () => {
    const closing = server;
    server = undefined;
    const closed = new Promise<void>((resolve) => (closing === undefined ? resolve() : closing.close(() => resolve())));
    cut();
    await closed;
  };

  await listen();
  return {
    port,
    get connections() {
      return connections;
    },
    get open() {
      return open;
    },
    get bytesFromClients() {
      return bytesFromClients;
    },
    delay(ms) {
      delayMs = ms;
    },
    blackhole(on) {
      swallow = on;
    },
    cut,
    refuse: (on) => (on ? close() : server === undefined ? listen() : Promise.resolve()),
    stop: close,
    [Symbol.asyncDispose]: close,
  };
}
