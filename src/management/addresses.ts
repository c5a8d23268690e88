import { isIP } from 'node:net';

/** Whether only this machine reaches it. A name is taken at its word only if it is `localhost`. */
export function isLoopback(host: string): boolean {
  const plain = bare(host);
  if (plain === 'localhost' || plain === '::1') return true;
  const v4 = /^::ffff:([\d.]+)$/.exec(plain)?.[1] ?? plain;
  return isIP(v4) === 4 && v4.startsWith('127.');
}

/** Every address of the machine. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || /^[0:]+$/.test(bare(host));
}

function bare(host: string): string {
  return host.toLowerCase().replace(/^\[|\]$/g, '');
}

/** The name of a Host header without its port; `undefined` for what is none. */
export function hostNameOf(header: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?$/i.exec(header);
  return match?.[1] === undefined ? undefined : bare(match[1]).replace(/\.$/, '');
}

/**
 * Whether a request for that Host is meant for us. A page of another site may have its own name resolved to our address (DNS
 * rebinding): the header then still has its name.
 * @param bound the address that is listened at
 */
export function isHostAllowed(header: string | undefined, bound: string, allowed: readonly string[]): boolean {
  const name = header === undefined ? undefined : hostNameOf(header);
  if (name === undefined) return false;
  if (isLoopback(name) || name === bare(bound)) return true;
  // At an address nobody's name was resolved to anything.
  if (isWildcard(bound) && isIP(name) !== 0) return true;
  return allowed.some((each) => each.toLowerCase() === name);
}

/** One key for all that one party can easily send from: of IPv6 a whole network. */
export function partyOf(address: string | undefined): string {
  if (address === undefined || isIP(address) !== 6) return address ?? '';
  if (isLoopback(address)) return 'loopback';
  return address.split(':').slice(0, 4).join(':');
}
