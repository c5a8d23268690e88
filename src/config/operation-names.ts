import { nearest } from '../core/nearest.ts';
import type { Statements } from './changes.ts';
import { isLiteral } from './glob.ts';
import type { Position } from './load.ts';
import type { SystemName } from './schema.ts';
import { canonicalSystem } from './system-names.ts';

/** The classes of operation that the instrumentations tell apart: breakers of `http` have one for each origin instead. */
export const operationNames: Readonly<Record<SystemName, readonly string[]>> = {
  redis: ['read', 'write', 'delete', 'scan', 'script', 'pubsub', 'blocking', 'admin', 'other'],
  postgresql: ['read', 'write', 'delete', 'listen', 'admin', 'connect'],
  http: [],
};

/**
 * Warnings of rules for a class of operation that their system does not have. No errors: a program may name its own. Without a
 * system, or where either is a pattern, anything may be meant.
 */
export function unknownOperations(statements: Statements, file: string | undefined, locate: (path: string) => Position | undefined): string[] {
  const found: string[] = [];
  for (const [path, operation] of statements) {
    const match = /^(.*\.match)\.operation$/.exec(path)?.[1];
    if (match === undefined || !isLiteral(operation)) continue;
    const system = canonicalSystem(statements.get(`${match}.system`) ?? '').toLowerCase();
    if (!Object.hasOwn(operationNames, system)) continue;
    const known = operationNames[system as SystemName];
    if (known.includes(operation)) continue;
    const meant = nearest(operation, known);
    // Of the environment and of code the path says itself where it stands.
    const line = path.includes(': ') ? undefined : locate(path)?.line;
    const where = `${line === undefined ? '' : `${file}:${line}: `}${path}`;
    const there = known.length === 0 ? `${system} has none, but a circuit for each origin` : `of ${system} there are ${known.join(', ')}`;
    found.push(`${where} is ${operation}: no such class of operation; ${there}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
  }
  return found;
}
