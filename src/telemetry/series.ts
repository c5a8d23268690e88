import type { Attributes, HrTime } from '@opentelemetry/api';
import type { StateName } from '../core/errors.ts';
import type { ResolvedOptions } from '../core/options.ts';
import type { CountedOutcome } from '../core/outcome.ts';
import { type Described, targetAttributesOf } from './attributes.ts';
import { attributes as a } from './names.ts';
import { toHrTime } from './produced.ts';
import type { ReadMetric } from './readings.ts';

/** The attribute objects of one breaker for one attribute, each made once: collection must not allocate per series. */
class Labels<V extends string> {
  readonly #made = new Map<V, Attributes>();

  constructor(
    readonly base: Attributes,
    readonly attribute: string,
  ) {}

  of(value: V): Attributes {
    let made = this.#made.get(value);
    if (made === undefined) {
      made = { ...this.base, [this.attribute]: value };
      this.#made.set(value, made);
    }
    return made;
  }
}

interface TransitionSeries {
  readonly attributes: Attributes;
  count: number;
}

type CountedTransition = Readonly<{ from: StateName; to: StateName; trigger: string }>;

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
  return errorType === undefined ? { ...base, [a.outcome]: outcome } : { ...base, [a.outcome]: outcome, [a.errorType]: errorType };
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
  readonly toldGauges = new Set<ReadMetric>();
  #faults: Labels<string> | undefined;
  readonly #calls: Readonly<Record<'fast' | 'slow', Labels<CountedOutcome>>>;
  readonly #durations = new Map<string, Attributes>();
  readonly #transitions = new Map<string, TransitionSeries>();

  constructor(breaker: Described & { readonly options: ResolvedOptions }) {
    this.base = targetAttributesOf(breaker);
    this.state = new Labels(this.base, a.state);
    this.reason = new Labels(this.base, a.rejectionReason);
    this.window = new Labels(this.base, a.outcome);
    this.#calls = { fast: new Labels({ ...this.base, [a.slow]: false }, a.outcome), slow: new Labels({ ...this.base, [a.slow]: true }, a.outcome) };
    for (const move of usualMoves(breaker.options)) this.#transition(move);
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
    let made = this.#durations.get(key);
    if (made === undefined) {
      made = durationAttributes(this.base, outcome, errorType);
      this.#durations.set(key, made);
    }
    return made;
  }

  get transitions(): Iterable<TransitionSeries> {
    return this.#transitions.values();
  }

  countTransition(move: CountedTransition): void {
    this.#transition(move).count += 1;
  }

  #transition({ from, to, trigger }: CountedTransition): TransitionSeries {
    const key = `${from} ${to} ${trigger}`;
    let series = this.#transitions.get(key);
    if (series === undefined) {
      series = { attributes: { ...this.base, [a.stateFrom]: from, [a.stateTo]: to, [a.trigger]: trigger }, count: 0 };
      this.#transitions.set(key, series);
    }
    return series;
  }
}
