import type { Statements } from './changes.ts';
import type { Position } from './load.ts';
import { canonicalSystem } from './system-names.ts';

/** Policies that there are for some systems only, and why. */
const places: readonly { readonly option: RegExp; readonly only: (system: string) => boolean; readonly why: string }[] = [
  {
    option: /^fallback\.queue\./,
    only: (system) => system === 'redis',
    why: 'only writes to Redis can be queued: what another server would have answered is not known without it',
  },
  { option: /^fallback\.(origins|forwardCredentials)\b/, only: (system) => system === 'http', why: 'other origins are for HTTP' },
  {
    option: /^fallback\.empty$/,
    only: (system) => system !== 'http',
    why: 'an empty answer would break who parses it: configure a value',
  },
];

/** Others, and patterns of several, may have a use for anything. */
const known: ReadonlySet<string> = new Set(['redis', 'postgresql', 'http']);

/** Warnings of policies under a system that has no use for them: whoever wrote them counts on something that will not happen. */
export function misplaced(statements: Statements, file: string | undefined, locate: (path: string) => Position | undefined): string[] {
  const found = new Map<string, string>();
  for (const [key, value] of statements) {
    const [, rule = '', option = ''] = /^(.*?)\.?(fallback\..*)$/.exec(key) ?? [];
    const system = canonicalSystem(/(?:^|: )systems\.(\w+)$/.exec(rule)?.[1] ?? statements.get(`${rule}.match.system`) ?? '');
    if (!known.has(system) || value === 'false') continue;
    for (const { option: pattern, only, why } of places) {
      const [match] = pattern.exec(option) ?? [];
      if (match === undefined || only(system)) continue;
      const path = `${rule}.${match.replace(/\.$/, '')}`;
      // Of the environment and of code the path says itself where it stands.
      const line = path.includes(': ') ? undefined : locate(path)?.line;
      found.set(path, `${line === undefined ? '' : `${file}:${line}: `}${path} has no effect: ${why}`);
    }
  }
  return [...found.values()];
}
