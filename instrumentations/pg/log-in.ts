import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { reportFault } from '../../src/core/fault.ts';
import type { Hearing } from '../shared/liveness.ts';

/** What a client of the application logs in with. */
export interface LogIn {
  readonly user: string;
  readonly database: string | undefined;
  /** The client's TLS options. */
  readonly ssl: unknown;
}

/**
 * SSLRequest: eight bytes that PostgreSQL answers with a single one before any log-in, from a process of its own, whether
 * it speaks TLS or not. It leaves no line in the server's log. PgBouncer and the like answer it too.
 */
export const sslRequest = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);

const PROTOCOL_3_0 = 196_608;
/** The answers to `sslRequest`. */
const plain = 'N'.charCodeAt(0);
const secure = 'S'.charCodeAt(0);
const terminate = Uint8Array.of(88, 0, 0, 0, 4);

/** Shut down, crashed, or starting up: it says so before it asks who is there. */
const notServing: ReadonlySet<string | undefined> = new Set(['57P01', '57P02', '57P03']);

/** More than any answer to a log-in that is of interest here, in bytes. */
const longestAnswer = 65_536;

/**
 * Asks a server whether it takes log-ins: one that is starting up, which takes seconds after a crash, answers `sslRequest`
 * long before. Logs in as a client of the application does, up to where a password would be needed, and leaves; that makes no
 * line in the server's log beyond those of any connection, and "is starting up" while it is. Only that word of the server's
 * own says no once it has answered at all: whatever else comes of it is for real calls to find out.
 * @param as `undefined`: any answer will do
 */
export function logIn(socket: Socket, hearing: Hearing, as: LogIn | undefined): void {
  const conclude = (stream: Socket, serving: boolean): void => {
    stream.removeAllListeners('data');
    stream.end();
    // What nobody reads would make of the end of a connection a reset, which the server would note in its log.
    stream.resume();
    hearing.conclude(serving);
  };
  const heard = (stream: Socket, listener: (data: Buffer) => void): void => {
    stream.on('data', (data: Buffer) => {
      try {
        listener(data);
      } catch (fault) {
        reportFault(fault, 'asking a server whether it takes log-ins');
        conclude(stream, true);
      }
    });
  };
  const greet = (stream: Socket, { user, database }: LogIn): void => {
    let answer = Buffer.alloc(0);
    stream.write(startupMessage(user, database));
    heard(stream, (data) => {
      answer = Buffer.concat([answer, data]);
      const serving = verdict(answer);
      if (serving === undefined) return;
      // One that asks for a password takes the end of the connection for what it is, and anything else for an error.
      if (isLoggedIn(answer)) stream.write(terminate);
      conclude(stream, serving);
    });
  };
  socket.write(sslRequest);
  heard(socket, ([byte]) => {
    hearing.answered();
    socket.removeAllListeners('data');
    const stream = byte === secure ? secured(socket, () => hearing.conclude(true), as?.ssl) : byte === plain ? socket : undefined;
    if (as === undefined || stream === undefined) conclude(socket, true);
    else greet(stream, as);
  });
}

/**
 * As pg does it; `undefined` where its options are none that TLS could begin with. Who the server is does not matter: no secret is
 * told to it.
 */
function secured(socket: Socket, failed: () => void, ssl: unknown): Socket | undefined {
  const own: ConnectionOptions = typeof ssl === 'object' && ssl !== null ? ssl : {};
  try {
    const stream = process.getBuiltinModule('node:tls').connect({ ...own, ...keyOf(own), socket, rejectUnauthorized: false });
    stream.unref();
    // TLS that does not come about is an answer too.
    stream.on('error', failed);
    return stream;
  } catch {
    return undefined;
  }
}

/** pg hides the key from whoever prints its parameters: a copy lacks it. */
function keyOf({ key }: ConnectionOptions): ConnectionOptions {
  return key === undefined ? {} : { key };
}

function startupMessage(user: string, database: string | undefined): Buffer {
  const settings = ['user', user, ...(database === undefined ? [] : ['database', database])].map((text) => `${text}\0`).join('');
  const body = Buffer.from(`${settings}\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + head.length, 0);
  head.writeInt32BE(PROTOCOL_3_0, 4);
  return Buffer.concat([head, body]);
}

/** Whether what has come of an answer says that the server takes log-ins; `undefined` while it says nothing yet. */
function verdict(answer: Buffer): boolean | undefined {
  if (answer[0] !== 'E'.charCodeAt(0)) return true;
  if (answer.length < 5) return undefined;
  const end = 1 + answer.readUInt32BE(1);
  if (answer.length < end) return end > longestAnswer ? true : undefined;
  const fields = answer.toString('latin1', 5, end).split('\0');
  const code = fields.find((field) => field.startsWith('C'))?.slice(1);
  return !notServing.has(code);
}

/** AuthenticationOk: nothing more is asked. */
function isLoggedIn(answer: Buffer): boolean {
  return answer[0] === 'R'.charCodeAt(0) && answer.length >= 9 && answer.readUInt32BE(5) === 0;
}
