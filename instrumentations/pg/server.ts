import { CallTimeoutError } from '../../src/core/errors.ts';
import { reportFault } from '../../src/core/fault.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { ServerGroup, serverGroup } from '../shared/admission.ts';
import { createLiveness, type LivenessQuestion, type Verify } from '../shared/liveness.ts';
import { LIVENESS_LEAST_MS, LIVENESS_TIMEOUT_MS, pgDefaults, pgDefaultsUnverified, REFUSALS_UNMET } from './defaults.ts';
import { type LogIn, logIn, sslRequest } from './log-in.ts';
import { PendingCalls } from './pending.ts';

/** Where a PostgreSQL is. */
export interface Address {
  /** Host name or address, or the path of a Unix socket. */
  readonly host: string;
  /** `undefined` with a Unix socket. */
  readonly port: number | undefined;
  /** The application makes the streams itself: nobody but it knows how to get there. */
  readonly ownStream: boolean;
}

/** One server: its breakers, and who waits for it. */
export class PgServer {
  readonly registry: Registry;
  readonly group: ServerGroup;
  /** Calls whose callers can be answered should the server fall silent. */
  readonly pending: PendingCalls;
  readonly address: string;
  readonly port: number | undefined;
  /** The application makes the streams itself: nobody can be reached there but by them. */
  readonly ownStream: boolean;
  readonly #verify: Verify | undefined;
  /** Of the client that was met last. */
  #logIn: LogIn | undefined;
  #silence: Promise<boolean> | undefined;
  #suspectedAt = Number.NEGATIVE_INFINITY;

  constructor(registry: Registry, { host, port, ownStream }: Address) {
    this.registry = registry;
    this.address = host;
    this.port = port;
    this.ownStream = ownStream;
    const question = { ask: sslRequest, timeoutMs: LIVENESS_TIMEOUT_MS, leastMs: LIVENESS_LEAST_MS };
    const server = { scheme: 'postgresql', address: host, port, refusalsUnmet: REFUSALS_UNMET };
    if (ownStream) {
      this.group = new ServerGroup(registry, { ...server, defaults: pgDefaultsUnverified });
    } else {
      const recovery: Omit<LivenessQuestion, 'to'> = {
        talk: (socket, hearing) => logIn(socket, hearing, this.#logIn),
        timeoutMs: LIVENESS_TIMEOUT_MS,
      };
      this.group = serverGroup(registry, { ...server, defaults: pgDefaults, liveness: question, recovery });
      const to: LivenessQuestion['to'] = port === undefined ? { path: host } : { host, port };
      this.#verify = createLiveness({ to, ...question }, registry.clock);
    }
    this.pending = new PendingCalls({
      clock: registry.clock,
      isSilent: () => this.#isSilent(),
      foundSilent: () => this.#foundSilent(),
    });
    this.group.onOutage(() => this.pending.opened());
  }

  /** How a client of the application logs in there. */
  learn(login: LogIn): void {
    this.#logIn = login;
  }

  /** Asks whether it is there. Where nobody can be asked it is given the benefit of the doubt. */
  answers(): Promise<boolean> {
    return this.#verify?.() ?? Promise.resolve(true);
  }

  /**
   * A call has run out of its time: if the server keeps silent when asked, its circuits open. Calls that are given up early leave
   * nobody waiting from whom a stall could be told, and a pool that fills up with connections that never come looks like a busy one.
   */
  suspect(): void {
    const now = this.registry.clock.now();
    if (now - this.#suspectedAt < LIVENESS_TIMEOUT_MS) return;
    this.#suspectedAt = now;
    this.#isSilent().then(
      (silent) => {
        if (silent) this.#foundSilent();
      },
      (fault: unknown) => reportFault(fault, 'asking a server whether it is there'),
    );
  }

  #foundSilent(): void {
    this.registry.report(this.group.key, new CallTimeoutError(this.group.key, LIVENESS_TIMEOUT_MS), { refused: true });
  }

  /** Whoever asks while a question is under way shares its answer. */
  #isSilent(): Promise<boolean> {
    this.#silence ??= this.#askForSilence().finally(() => {
      this.#silence = undefined;
    });
    return this.#silence;
  }

  /** Silence takes all the time of the question; a refusal or a missing host is answered sooner. */
  async #askForSilence(): Promise<boolean> {
    if (this.#verify === undefined) return false;
    const { clock } = this.registry;
    const asked = clock.now();
    const answered = await this.#verify();
    return !answered && clock.now() - asked >= LIVENESS_TIMEOUT_MS - 5;
  }
}

const servers = new WeakMap<Registry, Map<string, PgServer>>();

/** The same one for all clients of a server. */
export function serverAt(registry: Registry, address: Address): PgServer {
  const known = servers.get(registry) ?? new Map<string, PgServer>();
  servers.set(registry, known);
  const key = `${address.host} ${address.port ?? ''} ${address.ownStream}`;
  let server = known.get(key);
  if (server === undefined) {
    server = new PgServer(registry, address);
    known.set(key, server);
  }
  return server;
}
