import { ConfigError, type ConfigIssue } from '../core/errors.ts';
import { type BreakerOptions, mergeOptions, resolveOptions } from '../core/options.ts';
import type { Classify } from '../core/outcome.ts';
import type { Target } from '../core/target.ts';
import { chainClassify, classifyBy } from './classify-lists.ts';
import { describeMatch, Matcher } from './matching.ts';
import { type ConfigurationInput, type ConfiguredOptions, type Match, type SystemName, systemNames } from './schema.ts';
import { canonicalSystem, misspeltSystem } from './system-names.ts';

interface Rule {
  readonly match: Match;
  readonly options: BreakerOptions;
  /** Where it stands, as in `breakers[1]`. */
  readonly where: string;
}

export interface Resolution {
  readonly options: BreakerOptions;
  /** The most specific thing that applied: `breakers[1] (system: redis, operation: write)`, or `systems.redis`. */
  readonly rule?: string;
  /** Layers that are sound one by one but not together; then only as many of the general ones were used as go together. */
  readonly problem?: ConfigError;
}

/**
 * The options of any breaker: what its instrumentation sets, below `defaults`, below its system's section, below every
 * rule that matches from the least to the most specific. Where two sources (file, environment, code) speak of the same
 * section, code wins over environment and environment over file.
 */
export class Resolver {
  readonly #defaults: BreakerOptions;
  readonly #systems: ReadonlyMap<string, BreakerOptions>;
  readonly #rules: readonly Rule[];
  readonly #matcher: Matcher<Rule>;

  /** Sources are given from the weakest to the strongest. */
  constructor(sources: { readonly file?: ConfigurationInput; readonly environment?: ConfigurationInput; readonly code?: ConfigurationInput }) {
    const { file = {}, environment = {}, code = {} } = sources;
    const ordered = [file, environment, code];
    this.#defaults = mergeOptions(...ordered.map((source) => compile(source.defaults)));
    this.#systems = new Map(
      systemNames.flatMap((name) => {
        const options = mergeOptions(...ordered.map((source) => compile(source.systems?.[name])));
        return Object.keys(options).length === 0 ? [] : [[name, options] as const];
      }),
    );
    this.#rules = [...rulesOf(file, ''), ...rulesOf(code, 'code: ')];
    this.#matcher = new Matcher(this.#rules);
  }

  /** Never throws. */
  resolve(name: string, target: Target = {}, instrumentationDefaults?: BreakerOptions): Resolution {
    const rules = this.#matcher.matching(name, target);
    const system = target.system === undefined ? undefined : this.#systems.get(target.system);
    const top = rules.at(-1);
    const rule = top ? `${top.where} (${describeMatch(top.match)})` : system && `systems.${target.system}`;
    const named = rule === undefined ? {} : { rule };
    const layers = [instrumentationDefaults, this.#defaults, system, ...rules.map(({ options }) => options)];
    const wanted = stack(layers);
    const problem = faultOf(wanted);
    if (problem === undefined) return { options: wanted, ...named };
    const mode = wanted.mode === undefined ? {} : { mode: wanted.mode };
    const fitting = [layers.slice(1), [this.#defaults, system, top?.options], [this.#defaults, system], [this.#defaults], [instrumentationDefaults]];
    const options = fitting.map((some) => stack([...some, mode])).find((some) => faultOf(some) === undefined) ?? mode;
    return { options, ...named, problem };
  }

  /** Every contradiction that can be seen without a breaker: of the defaults, of each system, of each rule upon what lies below it. */
  validate(): ConfigIssue[] {
    const issues: ConfigIssue[] = [];
    const seen = new Set<string>();
    // Where somebody sets slowCallMs, slowRatio elsewhere is meant for there.
    const everything = [this.#defaults, ...this.#systems.values(), ...this.#rules.map(({ options }) => options)];
    const lenient = everything.some((options) => options.slowCallMs !== undefined);
    const examine = (where: string, layers: readonly (BreakerOptions | undefined)[]): void => {
      for (const issue of faultOf(lenient ? stack(layers) : mergeOptions(...layers))?.issues ?? []) {
        // A contradiction that lies below shows through everywhere: once is enough.
        const same = `${issue.path} ${issue.allowed} ${String(issue.value)}`;
        if (!seen.has(same)) issues.push({ ...issue, path: `${where}.${issue.path}` });
        seen.add(same);
      }
    };
    examine('defaults', [this.#defaults]);
    for (const [name, options] of this.#systems) examine(`systems.${name}`, [this.#defaults, options]);
    for (const rule of this.#rules) {
      const meant = rule.match.system === undefined ? undefined : misspeltSystem(rule.match.system);
      if (meant !== undefined) {
        const allowed = `${systemNames.join(', ')}, or a third party's own; did you mean ${meant}?`;
        issues.push({ path: `${rule.where}.match.system`, value: rule.match.system, allowed });
      }
      const system = this.#systems.get(rule.match.system as SystemName);
      const below = this.#matcher.below(rule).map(({ options }) => options);
      examine(rule.where, [this.#defaults, system, ...below, rule.options]);
    }
    return issues;
  }
}

function rulesOf(source: ConfigurationInput, origin: string): Rule[] {
  return (source.breakers ?? []).map(({ match: { system, ...match }, ...options }, index) => ({
    match: system === undefined ? match : { system: canonicalSystem(system), ...match },
    options: compile(options),
    where: `${origin}breakers[${index}]`,
  }));
}

function compile(options: ConfiguredOptions = {}): BreakerOptions {
  const { classify } = options;
  return typeof classify === 'object' ? { ...options, classify: classifyBy(classify) } : (options as BreakerOptions);
}

/** Merges; of what needs `slowCallMs` nothing is left where it is not set; every layer's `classify` has its say, from the top. */
function stack(layers: readonly (BreakerOptions | undefined)[]): BreakerOptions {
  let chain: Classify[] = [];
  for (const layer of layers) {
    if (layer === undefined || !Object.hasOwn(layer, 'classify')) continue;
    chain = layer.classify === undefined ? [] : [layer.classify, ...chain];
  }
  const classify = chainClassify(chain);
  const { slowRatio: _ratio, countInFlight: _inFlight, ...without } = mergeOptions(...layers);
  const merged = without.slowCallMs === undefined ? without : mergeOptions(...layers);
  const { classify: _, ...rest } = merged;
  return classify === undefined ? rest : { ...rest, classify };
}

function faultOf(options: BreakerOptions): ConfigError | undefined {
  try {
    resolveOptions(options);
    return undefined;
  } catch (error) {
    return error instanceof ConfigError ? error : new ConfigError([{ path: '', value: String(error), allowed: 'options that can be used' }]);
  }
}
