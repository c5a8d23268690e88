import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { type Clock, outsideCallContext, systemClock, type Timer } from '../../src/core/clock.ts';
import { withoutTracing } from '../../src/core/suppress-tracing.ts';

/** How long an answer may take, in ms, unless told otherwise. */
export const defaultTimeoutMs = 500;

/** The time of a question is counted in so many pieces; one that ends late says that this process was busy, and does not count. */
const pieces = 5;
/** A process that is always late must come to a conclusion, too. */
const maxPardons = 10;
/** How long it may take to end a conversation in good order, in ms. */
const leaveMs = 1_000;
/** An answer may take so many times as long as the last ones took. */
const answerFactor = 4;

/**
 * Resolves `true` when the server answered, `false` when it refused or kept silent. Never rejects.
 * @param healthyMs how long healthy calls take, where that is known: less patience is needed where they are quick
 * @param silenced an injected hang keeps the answer from us: it takes the time of silence, and nobody is asked
 */
export type Verify = (healthyMs?: number, silenced?: boolean) => Promise<boolean>;

/** The same, and what came in place of the last answer. */
export interface Liveness extends Verify {
  /** Such as a refused connection; `undefined`: an answer, or silence. */
  readonly met: unknown;
}

/** What a conversation with a server is told to. */
export interface Hearing {
  /** It has answered: if nothing more comes of it, or its connection ends, that is enough. */
  answered(): void;
  /** What came of it. To end the connection is up to the conversation; if that takes long, it is cut off. */
  conclude(alive: boolean): void;
}

export interface LivenessQuestion {
  /** Host and port, or the path of a Unix socket. */
  readonly to: { readonly host: string; readonly port: number } | { readonly path: string };
  /** TLS options of the client. With nothing to `ask`, a completed handshake is the answer; an alert is always one. */
  readonly tls?: ConnectionOptions | undefined;
  /** What to send: the protocol's cheapest question that needs no login. Without one, a connection is the answer. */
  readonly ask?: string | Uint8Array;
  /** Whether an answer says that the server is of use. Default: any byte does. */
  readonly accepts?: (answer: Buffer) => boolean;
  /** Instead of both: a longer conversation, on a socket that is still connecting. Its listeners are called later, never by it. */
  readonly talk?: (socket: Socket, hearing: Hearing) => void;
  /** How long to wait for an answer at most, in ms. Default 500. */
  readonly timeoutMs?: number;
  /** How long at least, where its calls and its answers so far were quick, in ms. Default: as long as at most. */
  readonly leastMs?: number;
}

/**
 * Makes the function that asks a server, over a connection of its own, whether it is there: by no client and through no
 * breaker, outside any span and any caller's context. Questions asked while one is under way share its answer. Sockets and
 * timers do not keep the process alive.
 */
export function createLiveness(question: LivenessQuestion, clock: Clock = systemClock): Liveness {
  const { timeoutMs = defaultTimeoutMs, leastMs = timeoutMs } = question;
  let underWay: Promise<boolean> | undefined;
  let met: unknown;
  /** How long the answers so far took; a slow one is forgotten little by little. */
  let answeredInMs = 0;
  const patience = (healthyMs: number): number => Math.min(timeoutMs, Math.max(leastMs, healthyMs, answeredInMs * answerFactor));
  const ask = async (healthyMs: number): Promise<boolean> => {
    const asked = clock.now();
    const { alive, error } = await askOnce(question, patience(healthyMs), clock);
    met = error;
    if (alive) answeredInMs = Math.max(clock.now() - asked, answeredInMs * 0.8);
    return alive;
  };
  const verify: Verify = (healthyMs = timeoutMs, silenced = false) => {
    if (silenced) return silence(patience(healthyMs), clock);
    underWay ??= outsideCallContext(() => withoutTracing(() => ask(healthyMs))).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
  return Object.defineProperty(verify, 'met', { get: () => met }) as Liveness;
}

/** As long as a silent server takes, without asking it. */
function silence(patienceMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    outsideCallContext(() => clock.setTimer(() => resolve(false), patienceMs));
  });
}

interface Finding {
  readonly alive: boolean;
  /** What came in place of an answer. */
  readonly error?: unknown;
}

function askOnce(question: LivenessQuestion, patienceMs: number, clock: Clock): Promise<Finding> {
  return new Promise((resolve) => {
    let socket: Socket | undefined;
    /** What silence means, or the end of the connection. */
    let presumed = false;
    const finish = (alive: boolean, error?: unknown): void => {
      timer.cancel();
      socket?.destroy();
      resolve(alive ? { alive } : { alive, error });
    };
    const hearing: Hearing = {
      answered: () => {
        presumed = true;
      },
      conclude: (alive) => {
        timer.cancel();
        const late = clock.setTimer(() => socket?.destroy(), leaveMs);
        socket?.once('close', () => late.cancel());
        resolve({ alive });
      },
    };
    const pieceMs = patienceMs / pieces;
    let left = pieces;
    let pardons = maxPardons;
    let due = 0;
    const nextPiece = (): Timer => {
      due = clock.now() + pieceMs;
      return clock.setTimer(passed, pieceMs);
    };
    const passed = (): void => {
      // It is this process that was busy: an answer may lie unread, or the question still be unsent.
      if (clock.now() - due > pieceMs / 2 && pardons > 0) pardons -= 1;
      else left -= 1;
      if (left === 0) finish(presumed);
      else timer = nextPiece();
    };
    let timer = nextPiece();
    try {
      socket = open(question, finish, hearing);
      socket.unref();
      // Stays for good: an error after the answer must not become an uncaught exception.
      socket.on('error', (error: NodeJS.ErrnoException) => finish(presumed || (question.tls !== undefined && isTlsAlert(error)), error));
      socket.once('close', () => finish(presumed, closedUnanswered()));
    } catch (error) {
      finish(false, error);
    }
  });
}

function open(question: LivenessQuestion, finish: (alive: boolean) => void, hearing: Hearing): Socket {
  const { to, tls, ask, talk } = question;
  // The identity of the server does not matter here: no secret is told to it, and all it says is that it is there.
  // Loaded by the first question: at the start it would be a tenth of the whole preload.
  const { getBuiltinModule } = process;
  const socket =
    tls === undefined ? getBuiltinModule('node:net').connect(to) : getBuiltinModule('node:tls').connect({ ...tls, ...to, rejectUnauthorized: false });
  if (talk !== undefined) {
    talk(socket, hearing);
    return socket;
  }
  if (ask !== undefined) socket.write(ask);
  else socket.once(tls === undefined ? 'connect' : 'secureConnect', () => finish(true));
  socket.once('data', (answer: Buffer) => finish(question.accepts?.(answer) ?? true));
  return socket;
}

/** As Node says it of an exchange over HTTP that ends so. */
function closedUnanswered(): Error {
  return Object.assign(new Error('the connection was closed before an answer'), { code: 'ECONNRESET' });
}

function isTlsAlert(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPROTO' || error.code?.startsWith('ERR_SSL_') === true;
}
