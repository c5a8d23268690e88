import { isBreakerError } from '../../src/core/errors.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { isConnectionFault } from '../shared/faults.ts';

/**
 * What sort of trouble an error is, by which it is repeated or not (telemetry tells the SQLSTATE itself, whose first two
 * characters are its class): `transient` passes by itself, `persistent` needs somebody to change a
 * setting, `system` is the server in trouble, `query` is the statement's own fault, `client` never reached the server.
 */
export type FaultClass = 'transient' | 'persistent' | 'system' | 'query' | 'client';

export interface Verdict {
  readonly outcome: Outcome;
  readonly faultClass: FaultClass;
  /** Concerns every breaker of the server. */
  readonly connection: boolean;
}

const verdict = (outcome: Outcome, faultClass: FaultClass, connection = false): Verdict => ({ outcome, faultClass, connection });

const lost = verdict('failure', 'transient', true);
const transient = verdict('failure', 'transient');
const persistent = verdict('failure', 'persistent');
const system = verdict('failure', 'system');
/** The server did its work, and said what is wrong with the request. */
const query = verdict('success', 'query');
/** It ended a statement or session because somebody had asked it to: that proves nothing. */
const ended = verdict('ignored', 'query');
const client = verdict('ignored', 'client');

/** SQLSTATEs that differ from their class, or whose class is told apart by them. */
const states: Readonly<Record<string, Verdict>> = {
  // The server goes down, crashed, or is starting up: no connection to it is of use.
  '57P01': lost,
  '57P02': lost,
  '57P03': lost,
  // Too many connections: it works for those that have one, so other breakers learn it from their own calls.
  '53300': transient,
  // The database is missing, or was dropped under the connection.
  '3D000': persistent,
  '57P04': persistent,
  // Cancelled (by statement_timeout too), or idle for longer than allowed.
  '57014': ended,
  '57P05': ended,
  '25P03': ended,
};

/** By the first two characters; everything else is the statement's own affair (22, 23, 40, 42, 55, P0, ...). */
const classes: Readonly<Record<string, Verdict>> = {
  '08': lost,
  '28': persistent,
  '53': system,
  '58': system,
  F0: system,
  XX: system,
};

/** Errors that pg and pg-pool make themselves, without a code, by their message. */
const messages: Readonly<Record<string, Verdict>> = {
  'Connection terminated unexpectedly': lost,
  'Connection terminated due to connection timeout': lost,
  // Client's own connectionTimeoutMillis.
  'timeout expired': lost,
  'The server does not support SSL connections': persistent,
  'There was an error establishing an SSL connection': persistent,
  // The caller's deadline (query_timeout); the connection may be fine.
  'Query read timeout': transient,
  // The pool is full of clients in use: that says nothing of the server. What the others wait for does.
  'timeout exceeded when trying to connect': client,
};

/** What libpq (pg-native) says when the connection fails, broke or cannot be made: its errors have no code. */
const libpqFaults =
  /^(connection to server |could not connect to server|could not translate host name|server closed the connection|connection not open|no connection to the server|could not (send|receive) |SSL connection has been closed|SSL SYSCALL error)/;

/** What follows `connection to server at ... failed: ` when there was a server to speak to: it has a mind of its own. */
const libpqAnswered = /failed: FATAL: /;

function messageOf(error: unknown): string | undefined {
  const message = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : undefined;
  return typeof message === 'string' ? message : undefined;
}

/** Whether an error has a SQLSTATE. Five capitals are not enough: EPIPE has them too. */
function sqlState(error: { code?: unknown; severity?: unknown }): string | undefined {
  const { code, severity } = error;
  return typeof code === 'string' && code.length === 5 && typeof severity === 'string' ? code : undefined;
}

/**
 * What an error of a query says about the server (source: PostgreSQL, "Error Codes"). Errors it does not know are
 * the caller's: a value that cannot be sent, a type parser that throws, a client that was closed.
 */
export function classifyQueryError(error: unknown): Verdict {
  if (typeof error !== 'object' || error === null || isBreakerError(error)) return client;
  const state = sqlState(error);
  if (state !== undefined) return states[state] ?? classes[state.slice(0, 2)] ?? query;
  if (isConnectionFault(error)) return lost;
  const message = messageOf(error);
  if (message === undefined) return client;
  if (Object.hasOwn(messages, message)) return messages[message] ?? client;
  return libpqFaults.test(message) && !libpqAnswered.test(message) ? lost : client;
}

/**
 * What an error of a connection attempt says: as for a query, but an unknown one is a failure too (TLS, SASL and
 * configuration), unless the client says that it was used the wrong way.
 */
export function classifyConnectError(error: unknown): Verdict {
  const known = classifyQueryError(error);
  if (known !== client || typeof error !== 'object' || error === null || isBreakerError(error)) return known;
  const message = messageOf(error);
  const own = message !== undefined && (message in messages || callerFaults.some((start) => message.startsWith(start)));
  return own ? client : persistent;
}

/** Beginnings of messages about a client or pool that was used after its end, or twice. */
const callerFaults = ['Client has already been connected', 'Cannot use a pool after calling end', 'Client was closed', 'Connection terminated'];
