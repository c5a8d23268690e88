import { type AlertRuleInput, type AlertRuleOptions, alertRuleNames } from '../config/alerts-schema.ts';
import { Matcher } from '../config/matching.ts';
import type { Match } from '../config/schema.ts';
import { canonicalSystem } from '../config/system-names.ts';
import { type DefaultRule, defaultRules } from './default-rules.ts';
import { measures } from './measures.ts';
import type { Rule } from './rule.ts';
import type { Subject } from './subjects.ts';

/** One entry of the configuration, as {@link Matcher} takes it. */
interface Entry {
  readonly match: Match;
  readonly said: AlertRuleInput;
  readonly index: number;
}

const usual = { severity: 'warning', minimumCalls: 20, windowMs: 300_000, forMs: 0, clearForMs: 0 } as const;
const ownSummary = 'is at {value}, above {limit}';
const ownRunbook = 'A rule of this service.';

/** Which rules hold for a breaker or a pool: ours, with what the configuration says of them, and its own. */
export class Rulebook {
  readonly #matcher: Matcher<Entry>;
  readonly #names: readonly string[];
  /** By kind of subject and the entries that match: mostly one list for all. */
  readonly #known = new Map<string, readonly Rule[]>();

  constructor(rules: readonly AlertRuleInput[] | 'none') {
    const said = rules === 'none' ? [] : rules;
    this.#matcher = new Matcher(said.map((each, index): Entry => ({ match: matchOf(each), said: each, index })));
    this.#names = rules === 'none' ? [] : [...new Set([...alertRuleNames, ...said.map(({ name }) => name)])];
  }

  for({ kind, name, target }: Subject): readonly Rule[] {
    const entries = this.#matcher.matching(name, target);
    const key = [kind, ...entries.map(({ index }) => index)].join(' ');
    let rules = this.#known.get(key);
    if (rules === undefined) {
      rules = this.#names.flatMap((each, order) => this.#rule(each, order, kind, entries));
      this.#known.set(key, rules);
    }
    return rules;
  }

  #rule(name: string, order: number, kind: Subject['kind'], entries: readonly Entry[]): Rule[] {
    const ours = (defaultRules as Readonly<Record<string, DefaultRule>>)[name];
    const said = entries.filter((entry) => entry.said.name === name).map((entry) => entry.said);
    const all: AlertRuleInput = Object.assign({ name, ...usual }, ours, ...said);
    const { metric, limit, enabled = true, windowMs = usual.windowMs, severity = usual.severity } = all;
    // A rule of one's own that is nowhere made whole has been refused with the configuration; what is left of one has no effect.
    if (metric === undefined || limit === undefined || !enabled) return [];
    const measure = measures[metric];
    if (measure.of !== kind) return [];
    return [
      {
        name,
        metric,
        measure,
        family: measure.family,
        severity,
        limit,
        clear: clearOf(limit, ours, said),
        minimumCalls: all.minimumCalls ?? usual.minimumCalls,
        windowMs,
        clearWindowMs: Math.min(all.clearWindowMs ?? windowMs, windowMs),
        forMs: all.forMs ?? usual.forMs,
        clearForMs: all.clearForMs ?? usual.clearForMs,
        summary: all.summary ?? ownSummary,
        runbook: all.runbook ?? ownRunbook,
        order,
      },
    ];
  }
}

/** Where somebody has set another limit, it is over as far below it as it was below ours. */
function clearOf(limit: number, ours: DefaultRule | undefined, said: readonly AlertRuleOptions[]): number {
  const given = said.findLast(({ clear }) => clear !== undefined)?.clear;
  if (given !== undefined) return Math.min(given, limit);
  if (ours?.clear === undefined) return limit;
  return ours.limit === 0 ? Math.min(ours.clear, limit) : (limit * ours.clear) / ours.limit;
}

function matchOf({ match = {} }: AlertRuleInput): Match {
  return match.system === undefined ? match : { ...match, system: canonicalSystem(match.system) };
}
