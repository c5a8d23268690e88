import type { Attributes, AttributeValue, HrTime } from '@opentelemetry/api';
import type { StateName } from '../core/errors.ts';
import type { ResolvedOptions } from '../core/options.ts';
import type { CountedOutcome } from '../core/outcome.ts';
import { type Described, targetAttributesOf } from './attributes.ts';
import { attributes as a } from './names.ts';
import { toHrTime } from './produced.ts';
import type { ReadMetric } from './readings.ts';

/**
 * Attributes with more of them. Put together name by name they share their hidden class with all others of the same names,
 * where each copy by spread would have one of its own: a third of what telemetry keeps of a breaker.
 */
function extended(base: Attributes, ...more: readonly (readonly [name: string, value: AttributeValue])[]): Attributes {
  const made: Attributes = {};
  for (const name of Object.keys(base)) made[name] = base[name];
  for (const [name, value] of more) made[name] = value;
  return made;
}

/**
 * The attribute objects of one breaker for one attribute, each made once: collection must not allocate per series. In two
 * arrays: the values are a handful, and a Map for them takes ten times the memory.
 */
class Labels<V extends string> {
  #values: readonly V[] = [];
  #made: readonly Attributes[] = [];

  constructor(
    readonly base: Attributes,
    readonly attribute: string,
  ) {}

  of(value: V): Attributes {
    const known = this.#made[this.#values.indexOf(value)];
    if (known !== undefined) return known;
    const made = extended(this.base, [this.attribute, value]);
    // Pushed to, or spread, a short array makes room for sixteen more.
    this.#values = this.#values.concat(value);
    this.#made = this.#made.concat(made);
    return made;
  }
}

type CountedTransition = Readonly<{ from: StateName; to: StateName; trigger: string }>;

interface TransitionSeries extends CountedTransition {
  readonly attributes: Attributes;
  count: number;
}

/** What alert rules look for exists from creation, at 0: Prometheus would not see the first step of a later series. */
function usualMoves(options: ResolvedOptions): CountedTransition[] {
  if (options.mode !== 'enforce') return [];
  const triggers = ['connection'];
  if (options.failureRatio !== undefined) triggers.push('failure_ratio');
  if (options.failureCount !== undefined) triggers.push('failure_count');
  if (options.consecutiveFailures !== undefined) triggers.push('consecutive_failures');
  if (options.slowCallMs !== undefined && options.slowRatio !== undefined) triggers.push('slow_ratio');
  if (options.stall !== undefined) triggers.push('stall');
  return [
    ...triggers.map((trigger) => ({ from: 'closed', to: 'open', trigger }) as const),
    { from: 'open', to: 'half_open', trigger: 'open_elapsed' },
    { from: 'half_open', to: 'closed', trigger: 'probes_succeeded' },
    { from: 'half_open', to: 'open', trigger: 'probes_failed' },
  ];
}

/** Of one series of `breaker.call.duration`. */
export function durationAttributes(base: Attributes, outcome: CountedOutcome, errorType: string | undefined): Attributes {
  return errorType === undefined ? extended(base, [a.outcome, outcome]) : extended(base, [a.outcome, outcome], [a.errorType, errorType]);
}

/** One breaker's series: cached attributes, and the counts that the engine does not keep. */
export class Series {
  readonly base: Attributes;
  /** Since when it is counted. */
  readonly since: HrTime = toHrTime(Date.now());
  readonly state: Labels<string>;
  readonly reason: Labels<string>;
  readonly window: Labels<string>;
  /** Gauges that an instrument of an SDK has told, and will repeat until told otherwise. */
  get toldGauges(): Set<ReadMetric> {
    this.#toldGauges ??= new Set();
    return this.#toldGauges;
  }
  #toldGauges: Set<ReadMetric> | undefined;
  #faults: Labels<string> | undefined;
  readonly #calls: Readonly<Record<'fast' | 'slow', Labels<CountedOutcome>>>;
  #durations: Map<string, Attributes> | undefined;
  /** The usual ones are made when they are first asked for: of breakers that nobody collects, nothing is kept. */
  #transitions: TransitionSeries[] | undefined;
  readonly #options: ResolvedOptions;

  constructor(breaker: Described & { readonly options: ResolvedOptions }) {
    this.base = targetAttributesOf(breaker);
    this.state = new Labels(this.base, a.state);
    this.reason = new Labels(this.base, a.rejectionReason);
    this.window = new Labels(this.base, a.outcome);
    this.#calls = {
      fast: new Labels(extended(this.base, [a.slow, false]), a.outcome),
      slow: new Labels(extended(this.base, [a.slow, true]), a.outcome),
    };
    this.#options = breaker.options;
  }

  fault(kind: string): Attributes {
    this.#faults ??= new Labels(this.base, a.faultKind);
    return this.#faults.of(kind);
  }

  calls(outcome: CountedOutcome, slow: boolean): Attributes {
    return this.#calls[slow ? 'slow' : 'fast'].of(outcome);
  }

  /** @param errorType of failures; its variety is bounded by the engine */
  duration(outcome: CountedOutcome, errorType: string | undefined): Attributes {
    const key = errorType === undefined ? outcome : `${outcome}:${errorType}`;
    this.#durations ??= new Map();
    let made = this.#durations.get(key);
    if (made === undefined) {
      made = durationAttributes(this.base, outcome, errorType);
      this.#durations.set(key, made);
    }
    return made;
  }

  get transitions(): readonly TransitionSeries[] {
    this.#transitions ??= usualMoves(this.#options).map((move) => this.#seriesOf(move));
    return this.#transitions;
  }

  countTransition({ from, to, trigger }: CountedTransition): void {
    let series = this.transitions.find((each) => each.from === from && each.to === to && each.trigger === trigger);
    if (series === undefined) {
      series = this.#seriesOf({ from, to, trigger });
      this.#transitions?.push(series);
    }
    series.count += 1;
  }

  #seriesOf({ from, to, trigger }: CountedTransition): TransitionSeries {
    return { from, to, trigger, attributes: extended(this.base, [a.stateFrom, from], [a.stateTo, to], [a.trigger, trigger]), count: 0 };
  }
}
