import { createHash, timingSafeEqual } from 'node:crypto';
import { ConfigError, type ConfigIssue } from '../core/errors.ts';
import type { Token } from './ports.ts';

/** Shorter secrets can be guessed over a network: good enough on one machine only. */
export const strongFrom = 16;

export interface Identity {
  readonly name: string;
  readonly role: 'admin' | 'read';
}

interface Known extends Identity {
  readonly hash: Buffer;
}

/** The tokens that a server accepts. Secrets are kept as hashes only. */
export class Tokens {
  readonly #known: readonly Known[];

  constructor(tokens: readonly Token[]) {
    this.#known = tokens.map(({ name, secret, role = 'admin' }) => ({ name, role, hash: hashOf(secret) }));
  }

  get any(): boolean {
    return this.#known.length > 0;
  }

  get admin(): boolean {
    return this.#known.some(({ role }) => role === 'admin');
  }

  /** Whose secret it is. Takes as long for every secret: all are compared, by their hashes. */
  identify(secret: string): Identity | undefined {
    const hash = hashOf(secret);
    let found: Identity | undefined;
    for (const { name, role, hash: known } of this.#known) if (timingSafeEqual(hash, known)) found ??= { name, role };
    return found;
  }
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/**
 * Reads tokens as people write them: `name:secret`, several by commas or, in a file, line by line (`#` begins a comment). A
 * secret alone is the token `admin`.
 * @throws ConfigError naming what is wrong, never a secret
 */
export function parseTokens(text: string, role: 'admin' | 'read' = 'admin', source = 'OTEL_BREAKER_ADMIN_TOKEN'): Token[] {
  const entries = text
    .split(/[\n,]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && !entry.startsWith('#'));
  const issues: ConfigIssue[] = [];
  const refuse = (index: number, allowed: string): void => void issues.push({ path: `${source}[${index}]`, value: '[...]', allowed });
  const tokens = entries.map((entry, index): Token => {
    const colon = entry.indexOf(':');
    const name = colon === -1 ? role : entry.slice(0, colon).trim();
    const secret = entry.slice(colon + 1).trim();
    if (!/^[\w.@-]{1,64}$/.test(name)) refuse(index, 'name:secret, the name of at most 64 letters, digits and . _ - @');
    if (secret === '') refuse(index, 'a secret after the colon');
    // What cannot stand in a header can never be sent.
    else if (!/^[\x21-\x7e]+$/.test(secret)) refuse(index, 'a secret of printable ASCII without spaces');
    return { name, secret, role };
  });
  if (issues.length > 0) throw new ConfigError(issues, source);
  return tokens;
}
