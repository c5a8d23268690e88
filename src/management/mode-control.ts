import { Matcher } from '../config/matching.ts';
import type { Match } from '../config/schema.ts';
import { canonicalSystem } from '../config/system-names.ts';
import type { Mode } from '../core/options.ts';
import type { Registry } from '../registry/registry.ts';
import type { ModeControl } from './ports.ts';
import type { MatchRequest } from './wire.ts';

interface Override {
  readonly match: Match;
  readonly mode: Mode | undefined;
}

/** Statements kept; who has made so many does not mean the first of them any more. */
const maxOverrides = 100;

/** Modes set by hand: above what the configuration says, until taken back; a reload leaves them. The last that matches counts. */
export class ModeOverrides implements ModeControl {
  readonly #registry: Registry;
  #overrides: readonly Override[] = [];

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  set(mode: Mode | undefined, match: MatchRequest = {}): void {
    const { system, ...rest } = match;
    const next: Override = { match: system === undefined ? rest : { ...rest, system: canonicalSystem(system) }, mode };
    // For all breakers: what was said before of some of them is over.
    const before = Object.keys(match).length === 0 ? [] : this.#overrides.filter(({ match: other }) => !same(other, next.match));
    this.#overrides = before.length === 0 && mode === undefined ? [] : [...before, next].slice(-maxOverrides);
    const rules = this.#overrides.map((override) => ({ override, matcher: new Matcher([override]) }));
    this.#registry.override(
      rules.length === 0
        ? undefined
        : (name, target) => {
            const found = rules.findLast(({ matcher }) => matcher.matching(name, target).length > 0)?.override.mode;
            return found === undefined ? undefined : { mode: found };
          },
    );
  }
}

function same(one: Match, other: Match): boolean {
  return JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
}
