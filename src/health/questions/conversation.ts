import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Endpoint } from '../../config/check-url.ts';

/** What one answer may come to, in bytes: nobody who is asked has more to say. */
const maxAnswer = 65_536;

/**
 * A connection of a check's own: no pool, no client library, nothing that an instrumentation has hooked. It is closed when its
 * signal is aborted, and does not keep the process alive.
 */
export class Conversation implements Disposable {
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.#end(this.#signal.reason);
  readonly #onClose = (): void => this.#end(new Error('the server closed the connection'));
  readonly #onData = (chunk: Buffer): void => {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    if (this.#received.length > maxAnswer) this.#end(new Error(`the answer is longer than ${maxAnswer} bytes`));
    this.#wake?.();
  };
  #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #fault: Error | undefined;
  /** Somebody waits for more, or for the end. */
  #wake: (() => void) | undefined;

  private constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
    this.#listen(socket);
  }

  /** Connected, and encrypted where `tls` says so. @throws what the connection failed by, or the signal's reason */
  static async open({ to }: Pick<Endpoint, 'to'>, signal: AbortSignal, tls?: ConnectionOptions): Promise<Conversation> {
    signal.throwIfAborted();
    const conversation = new Conversation(connect(to), signal);
    try {
      await conversation.#happens('connect');
      if (tls !== undefined) await conversation.encrypt(tls);
      return conversation;
    } catch (error) {
      conversation[Symbol.dispose]();
      throw error;
    }
  }

  write(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  /** From here on by TLS. @throws what is wrong with the other side's certificate, among others */
  async encrypt(options: ConnectionOptions): Promise<void> {
    // What came in the clear must not pass for what is said under encryption.
    if (this.#received.length > 0) throw new Error('the server sent data before the encryption began');
    const bare = this.#socket;
    bare.off('data', this.#onData).off('close', this.#onClose);
    const socket = connectTls({ ...options, socket: bare });
    this.#listen(socket);
    this.#socket = socket;
    await this.#happens('secureConnect');
  }

  /** The next so many bytes. @throws when the other side closes before */
  async take(bytes: number): Promise<Buffer> {
    await this.#until(() => this.#received.length >= bytes);
    const taken = this.#received.subarray(0, bytes);
    this.#received = this.#received.subarray(bytes);
    return taken;
  }

  /** The next line, without its end. */
  async line(): Promise<string> {
    let end = -1;
    await this.#until(() => {
      end = this.#received.indexOf('\n');
      return end !== -1;
    });
    return (await this.take(end + 1)).toString('utf8').replace(/\r?\n$/, '');
  }

  /** What was written is sent before. */
  [Symbol.dispose](): void {
    this.#socket.destroySoon();
    this.#end(undefined);
  }

  #listen(socket: Socket): void {
    socket.unref();
    // Stays for good: an error after the end must not become an uncaught exception.
    socket.on('error', (error) => this.#end(error));
    socket.on('data', this.#onData).on('close', this.#onClose);
  }

  #happens(event: 'connect' | 'secureConnect'): Promise<void> {
    let happened = false;
    this.#socket.once(event, () => {
      happened = true;
      this.#wake?.();
    });
    return this.#until(() => happened);
  }

  async #until(met: () => boolean): Promise<void> {
    while (!met()) {
      if (this.#fault !== undefined) throw this.#fault;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #end(why: unknown): void {
    this.#fault ??= why instanceof Error ? why : new Error('the conversation is over');
    this.#signal.removeEventListener('abort', this.#onAbort);
    if (why !== undefined) this.#socket.destroy();
    this.#wake?.();
  }
}

/** Whose certificate is expected. An address has no name to ask for. */
export function tlsOptions({ to }: Pick<Endpoint, 'to'>, verify: boolean): ConnectionOptions {
  const rejectUnauthorized = verify;
  if ('path' in to) return { rejectUnauthorized };
  return { host: to.host, rejectUnauthorized, ...(isIP(to.host) === 0 && { servername: to.host }) };
}
