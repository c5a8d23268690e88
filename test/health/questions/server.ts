import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** A server of a test's own that says what it is told to, over loopback. */
export class FakeServer {
  readonly sockets = new Set<Socket>();
  /** All that came in. */
  heard = '';
  closed = 0;
  readonly #server: Server;

  private constructor(talk: (socket: Socket, heard: string) => void) {
    this.#server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.sockets.delete(socket);
        this.closed += 1;
      });
      socket.on('data', (data) => {
        this.heard += data.toString('latin1');
        talk(socket, data.toString('latin1'));
      });
    });
  }

  static async listen(talk: (socket: Socket, heard: string) => void): Promise<FakeServer> {
    const server = new FakeServer(talk);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
