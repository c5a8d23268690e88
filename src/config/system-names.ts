import { nearest } from '../core/nearest.ts';
import { isLiteral } from './glob.ts';
import { systemNames } from './schema.ts';

/** What people call the systems, beside the names that breakers have. */
const aliases: Readonly<Record<string, string>> = {
  postgres: 'postgresql',
  pg: 'postgresql',
  ioredis: 'redis',
  valkey: 'redis',
  https: 'http',
  fetch: 'http',
  undici: 'http',
};

/** The name that breakers have for a system: `postgres` is `postgresql`. Others, and patterns, are left as they are. */
export function canonicalSystem(name: string): string {
  const known = name.toLowerCase();
  return Object.hasOwn(aliases, known) ? (aliases[known] as string) : name;
}

/**
 * What a system's name was probably meant to be, when it is none of ours and very like one. Any other may be a third party's.
 * Short names are like too many: `smtp` is no slip for `http`.
 */
export function misspeltSystem(name: string): string | undefined {
  const known = canonicalSystem(name).toLowerCase();
  if (!isLiteral(name) || (systemNames as readonly string[]).includes(known)) return undefined;
  return nearest(
    name,
    [...systemNames, ...Object.keys(aliases)].filter(({ length }) => length > 4),
  );
}
