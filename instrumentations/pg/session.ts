import type { PgClient } from './types.ts';

const altered = new WeakSet<PgClient>();

/** The application has sent a statement that may alter the session of a client that it holds. */
export function noteSession(client: PgClient): void {
  altered.add(client);
}

/**
 * Whether the application has changed settings, role or temporary tables of the connection: what it answers is for whoever
 * knows of that. How a pool's `connect` event or `onConnect` prepares all its clients does not count.
 */
export const isAltered = (client: PgClient): boolean => altered.has(client);
