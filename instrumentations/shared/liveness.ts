import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type Clock, outsideCallContext, systemClock } from '../../src/core/clock.ts';
import { withoutTracing } from './suppress.ts';

/** How long an answer may take, in ms, unless told otherwise. */
export const defaultTimeoutMs = 500;

/** A timer this late, in ms, says that the event loop was blocked. */
const lateMs = 50;
/** A process that is always late must come to a conclusion, too. */
const maxExtensions = 4;

/** Resolves `true` when the server answered, `false` when it refused or kept silent. Never rejects. */
export type Verify = () => Promise<boolean>;

export interface LivenessQuestion {
  /** Host and port, or the path of a Unix socket. */
  readonly to: { readonly host: string; readonly port: number } | { readonly path: string };
  /** TLS options of the client. With nothing to `ask`, a completed handshake is the answer; an alert is always one. */
  readonly tls?: ConnectionOptions | undefined;
  /** What to send: the protocol's cheapest question that needs no login. Without one, a connection is the answer. */
  readonly ask?: string | Uint8Array;
  /** Whether an answer says that the server is of use. Default: any byte does. */
  readonly accepts?: (answer: Buffer) => boolean;
  /** How long to wait for an answer, in ms. Default 500. */
  readonly timeoutMs?: number;
}

/**
 * Makes the function that asks a server, over a connection of its own, whether it is there: by no client and through no
 * breaker, outside any span and any caller's context. Questions asked while one is under way share its answer. Sockets and
 * timers do not keep the process alive.
 */
export function createLiveness(question: LivenessQuestion, clock: Clock = systemClock): Verify {
  let underWay: Promise<boolean> | undefined;
  return () => {
    underWay ??= outsideCallContext(() => withoutTracing(() => askOnce(question, clock))).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

function askOnce(question: LivenessQuestion, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    let socket: Socket | undefined;
    const finish = (alive: boolean): void => {
      timer.cancel();
      socket?.destroy();
      resolve(alive);
    };
    const { timeoutMs = defaultTimeoutMs } = question;
    let due = clock.now() + timeoutMs;
    let patience = maxExtensions;
    const timeUp = (): void => {
      const now = clock.now();
      if (now - due <= lateMs || patience === 0) {
        finish(false);
        return;
      }
      // It is this process that was busy: an answer may lie unread, or the question still be unsent.
      patience -= 1;
      due = now + timeoutMs / 2;
      timer = clock.setTimer(timeUp, timeoutMs / 2);
    };
    let timer = clock.setTimer(timeUp, timeoutMs);
    try {
      socket = open(question, finish);
      socket.unref();
      // Stays for good: an error after the answer must not become an uncaught exception.
      socket.on('error', (error: NodeJS.ErrnoException) => finish(question.tls !== undefined && isTlsAlert(error)));
      socket.once('close', () => finish(false));
    } catch {
      finish(false);
    }
  });
}

function open(question: LivenessQuestion, finish: (alive: boolean) => void): Socket {
  const { to, tls, ask } = question;
  // The identity of the server does not matter here: no secret is told to it, and all it says is that it is there.
  const socket = tls === undefined ? connect(to) : connectTls({ ...tls, ...to, rejectUnauthorized: false });
  if (ask !== undefined) socket.write(ask);
  else socket.once(tls === undefined ? 'connect' : 'secureConnect', () => finish(true));
  socket.once('data', (answer: Buffer) => finish(question.accepts?.(answer) ?? true));
  return socket;
}

function isTlsAlert(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPROTO' || error.code?.startsWith('ERR_SSL_') === true;
}
