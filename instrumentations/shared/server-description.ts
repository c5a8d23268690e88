import type { BreakerOptions } from '../../src/core/options.ts';
import type { Target } from '../../src/core/target.ts';
import type { LivenessQuestion } from './liveness.ts';

export interface ServerDescription {
  /** `redis`, `postgresql`, `http`, `https`: the scheme of the breakers' names, and their target's system unless `system` says. */
  readonly scheme: string;
  readonly system?: string;
  /** Host name or address, or the path of a Unix socket. */
  readonly address: string;
  readonly port?: number | undefined;
  /** Below the user's options, above the engine's. */
  readonly defaults?: BreakerOptions;
  /**
   * A server that nobody has met yet is given this time, in ms, to come up before its silence counts: a service and what it
   * depends on are often started together. Default 0.
   */
  readonly startMs?: number;
  /**
   * A server that nobody has met yet opens its circuits after so many refused connections in a row: an address that was
   * never right is no outage, and a program that tries one or two wrong ones is told what its client says. Default 1.
   */
  readonly refusalsUnmet?: number;
  /** How to ask the server whether it is there; without one, stalls are not verified and nobody watches for its return. */
  readonly liveness?: Omit<LivenessQuestion, 'to'> & { readonly to?: LivenessQuestion['to'] };
  /** How to ask a server that was away whether it is back, where that takes more than being there. Default: as `liveness` says. */
  readonly recovery?: Omit<LivenessQuestion, 'to'>;
}

/** `scheme://host:port`, `scheme:///path/of.sock`; an IPv6 address stands in brackets. */
export function serverKey({ scheme, address, port }: ServerDescription): string {
  if (address.startsWith('/')) return `${scheme}://${address}`;
  const host = address.includes(':') && !address.startsWith('[') ? `[${address}]` : address;
  return port === undefined ? `${scheme}://${host}` : `${scheme}://${host}:${port}`;
}

/** Who a breaker of it is: one for each namespace and class of operation. */
export function identityOf(server: ServerDescription, operation?: string, namespace?: string): { readonly name: string; readonly target: Target } {
  const { scheme, system = scheme, address, port } = server;
  const key = serverKey(server);
  const base = namespace === undefined ? key : `${key}/${namespace}`;
  const target = {
    system,
    address,
    server: key,
    ...(port === undefined ? {} : { port }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(operation === undefined ? {} : { operation }),
  };
  return { name: operation === undefined ? base : `${base} ${operation}`, target };
}

/** Where to ask it. */
export function destination({ address, port }: ServerDescription): LivenessQuestion['to'] {
  return port === undefined ? { path: address } : { host: address, port };
}
