import { callerContext } from '../shared/caller-context.ts';
import type { Original } from '../shared/guard.ts';
import { ConnectAttempt, connectGate } from './connect.ts';
import { noteConnectError } from './connect-errors.ts';
import type { Database, Databases } from './database.ts';
import { markFresh } from './pool-connect.ts';
import { refuseConnect } from './refuse.ts';
import { isFunction, type PgCallback, type PgClient } from './types.ts';

/** Set while a pool makes a client connect: that belongs to whoever asked the pool. */
let pooled = false;
let pooledFor: Database | undefined;

/** Around `Pool.newClient`. */
export function connectingForPool(original: Original, pool: unknown, args: readonly unknown[], database: Database | undefined): unknown {
  const before = pooled;
  const beforeFor = pooledFor;
  pooled = true;
  pooledFor = database;
  try {
    return original(pool, args);
  } finally {
    pooled = before;
    pooledFor = beforeFor;
  }
}

/** Around `Client.connect`: by a pool it is only noted; by the application itself it goes through the gate. */
export function connectClient(original: Original, client: PgClient, args: readonly unknown[], databases: Databases): unknown {
  const given = isFunction(args[0]) ? args[0] : undefined;
  if (pooled) {
    pooled = false;
    if (pooledFor !== undefined) databases.adopt(client, pooledFor);
    if (given === undefined) return original(client, args);
    const noted: PgCallback = function (this: unknown, error?: unknown, ...rest: unknown[]) {
      if (error) noteConnectError(error);
      else markFresh(client);
      return given.call(this, error, ...rest);
    };
    return original(client, [noted, ...args.slice(1)]);
  }
  const found = databases.ofClient(client);
  if (found === undefined) return original(client, args);
  const gate = connectGate(found, false);
  if ('refusal' in gate) return refuseConnect(client, given, gate.refusal);
  // Its caller hears of a hanging attempt as of any that breaks off; with pg-native there is no stream to break.
  const inContext = callerContext();
  const attempt = new ConnectAttempt(found, gate.permit, false, () => inContext(() => client.connection?.stream?.destroy?.()));
  const go = (): unknown => (given === undefined ? promised(original, client, args, attempt) : calledBack(original, client, given, args, attempt));
  return gate.permit?.probe ? gate.permit.enter(go) : go();
}

function calledBack(original: Original, client: PgClient, given: PgCallback, args: readonly unknown[], attempt: ConnectAttempt): unknown {
  const inward: PgCallback = function (this: unknown, error?: unknown, ...rest: unknown[]) {
    if (error) attempt.failed(noteConnectError(error));
    else attempt.succeeded(true);
    return given.call(this, error, ...rest);
  };
  return original(client, [inward, ...args.slice(1)]);
}

function promised(original: Original, client: PgClient, args: readonly unknown[], attempt: ConnectAttempt): unknown {
  const result = original(client, args) as Promise<unknown>;
  // Derived, not tapped: if nobody handles the rejection, it must stay unhandled.
  return result.then(
    (value) => {
      attempt.succeeded(true);
      return value;
    },
    (error: unknown) => {
      attempt.failed(noteConnectError(error));
      throw error;
    },
  );
}
