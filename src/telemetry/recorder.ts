import type { Attributes, Histogram, Meter } from '@opentelemetry/api';
import { durationBoundsMs } from '../breaker/duration-histogram.ts';
import { errorType } from '../core/errors.ts';
import type { CountedOutcome } from '../core/outcome.ts';
import { attemptBounds } from '../policies/meters.ts';
import { type Described, targetAttributesOf } from './attributes.ts';
import { attributes as a, metrics as definitions } from './names.ts';
import { durationAttributes } from './series.ts';

/** As in the engine's own histograms: a metric's variety must stay bounded. */
const maxErrorTypes = 16;

/**
 * Durations one by one, for an SDK whose readers take no metric producer from us: about a microsecond per call where
 * the producer costs nothing. Calls made before the SDK was there are not in it.
 */
export class DurationRecorder {
  readonly #histogram: Histogram;
  readonly #attributes = new WeakMap<Described, Map<string, Attributes>>();

  constructor(meter: Meter) {
    const { name, unit, description } = definitions.callDuration;
    const advice = { explicitBucketBoundaries: durationBoundsMs.map((ms) => ms / 1_000) };
    this.#histogram = meter.createHistogram(name, { unit, description, advice });
  }

  record(breaker: Described, outcome: CountedOutcome, durationMs: number, error: unknown): void {
    this.#histogram.record(durationMs / 1_000, this.#attributesOf(breaker, outcome, outcome === 'failure' ? errorType(error) : undefined));
  }

  #attributesOf(breaker: Described, outcome: CountedOutcome, type: string | undefined): Attributes {
    let known = this.#attributes.get(breaker);
    if (known === undefined) {
      known = new Map();
      this.#attributes.set(breaker, known);
    }
    const kind = type === undefined || known.has(`failure:${type}`) || known.size < maxErrorTypes ? type : '_OTHER';
    const key = kind === undefined ? outcome : `failure:${kind}`;
    let made = known.get(key);
    if (made === undefined) {
      made = durationAttributes(targetAttributesOf(breaker), outcome, kind);
      known.set(key, made);
    }
    return made;
  }
}

/** Attempts per call one by one, for the same SDKs: only calls that may be retried pay for it. */
export class AttemptRecorder {
  readonly #histogram: Histogram;

  constructor(meter: Meter) {
    const { name, unit, description } = definitions.retryAttempts;
    this.#histogram = meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: [...attemptBounds] } });
  }

  record(breaker: Described, attempts: number, outcome: CountedOutcome): void {
    this.#histogram.record(attempts, { ...targetAttributesOf(breaker), [a.outcome]: outcome });
  }
}
