import type { Socket } from 'node:net';
import { type Clock, outsideCallContext } from '../../src/core/clock.ts';
import { isolated } from '../../src/core/isolated.ts';
import { withoutTracing } from '../../src/core/suppress-tracing.ts';
import type { PgClient, PgConnection } from './types.ts';

const CANCEL_REQUEST = 80_877_102;

/** How long to wait, in ms, for the server's word that a request to cancel has been dealt with, once the statement has ended anyway. */
const PATIENCE_MS = 5_000;

/** A server that is frozen or cut off deals with nothing: its sockets are not to pile up. */
const LONGEST_MS = 30_000;

/**
 * Asks the server, on a connection of our own, to stop what it does for a client. As libpq does it: without TLS, without a
 * log-in, with no answer but the end of that connection; then the server has signalled its process.
 * @param running asked once the connection is there: what has ended meanwhile is let be
 * @returns whether no trace of it is left on its way, as soon as that is known; never rejects. `undefined` where nobody can be asked
 */
export function requestCancel(client: PgClient, clock: Clock, running: () => boolean): Promise<boolean> | undefined {
  const request = requestOf(client);
  const to = addressOf(client);
  if (request === undefined || to === undefined) return undefined;
  return outsideCallContext(() =>
    withoutTracing(
      () =>
        new Promise<boolean>((resolve) => {
          let socket: Socket | undefined;
          let sent = false;
          let answered = false;
          isolated('cancelling a statement', () => {
            socket = process.getBuiltinModule('node:net').connect(to);
            socket.unref();
            socket.on('error', () => {});
            socket.once('connect', () => {
              sent = running();
              if (sent) socket?.write(request);
              else socket?.destroy();
            });
            socket.once('end', () => {
              answered = true;
            });
            const timer = clock.setTimer(() => socket?.destroy(), LONGEST_MS);
            socket.once('close', () => {
              timer.cancel();
              resolve(answered || !sent);
            });
            // The server closes it; `end` comes only to who reads.
            socket.resume();
          });
          if (socket === undefined) resolve(true);
        }),
    ),
  );
}

function requestOf({ processID, secretKey }: PgClient): Buffer | undefined {
  if (typeof processID !== 'number') return undefined;
  let key: Uint8Array;
  if (typeof secretKey === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(secretKey | 0);
    key = bytes;
  } else if (secretKey instanceof Uint8Array) key = secretKey;
  else return undefined;
  const head = Buffer.alloc(12);
  head.writeInt32BE(12 + key.byteLength, 0);
  head.writeInt32BE(CANCEL_REQUEST, 4);
  head.writeInt32BE(processID, 8);
  return Buffer.concat([head, key]);
}

/** The very server that the client speaks to: its name may stand for many. */
function addressOf({ connection, host, port }: PgClient): { host: string; port: number } | { path: string } | undefined {
  const { remoteAddress, remotePort } = (connection?.stream ?? {}) as Partial<Socket>;
  if (remoteAddress !== undefined && remotePort !== undefined) return { host: remoteAddress, port: remotePort };
  return host?.startsWith('/') === true ? { path: `${host}/.s.PGSQL.${port ?? 5432}` } : undefined;
}

/**
 * Stands in a client's queue behind a statement that is being cancelled: a request that comes late would otherwise hit the
 * next one. It lets that go when the request has been dealt with, and the server has answered once since.
 */
export class Barrier {
  #dead = false;

  constructor(
    private readonly dealtWith: Promise<boolean>,
    private readonly clock: Clock,
  ) {}

  submit(connection: PgConnection): null {
    const timer = this.clock.setTimer(() => go(), PATIENCE_MS);
    let gone = false;
    const go = (): void => {
      timer.cancel();
      if (gone || this.#dead) return;
      gone = true;
      isolated('cancelling a statement', () => connection.sync?.());
    };
    void this.dealtWith.then((surely) => {
      if (surely) go();
    });
    return null;
  }

  /** The connection has broken. */
  handleError(): void {
    this.#dead = true;
  }

  handleReadyForQuery(): void {}
}
