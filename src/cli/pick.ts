import { globToRegExp, isLiteral } from '../config/glob.ts';
import { nearest } from '../core/nearest.ts';
import type { BreakerView, Overview } from '../management/wire.ts';
import { CliError, exitCodes } from './exit-codes.ts';

/** How many names a message lists. */
const mostListed = 10;

/**
 * The breakers that a name or a pattern with `*` and `?` means: a breaker of just that name, whatever is in it, comes first.
 * @throws CliError when there is none
 */
export function pick({ breakers }: Overview, glob: string): BreakerView[] {
  const exact = breakers.filter(({ name }) => name === glob);
  const pattern = globToRegExp(glob);
  const found = exact.length > 0 ? exact : breakers.filter(({ name }) => pattern.test(name));
  if (found.length > 0) return found;
  const names = breakers.map(({ name }) => name);
  throw new CliError(exitCodes.refused, 'unknown_breaker', `no breaker ${isLiteral(glob) ? 'is named' : 'matches'} '${glob}'${instead(glob, names)}`);
}

function instead(glob: string, names: readonly string[]): string {
  if (names.length === 0) return '; the process has none yet: they are made by the first call';
  const near = nearest(glob, names);
  if (near !== undefined) return `; did you mean '${near}'?`;
  const more = names.length > mostListed ? `, and ${names.length - mostListed} more` : '';
  return `; there are: ${names.slice(0, mostListed).join(', ')}${more}`;
}
