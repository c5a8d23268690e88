import { checkArguments } from '../core/check-arguments.ts';
import type { ObjectSchema, Schema } from '../core/schema.ts';
import type { DurationHistogramOption, MetricsOption, TelemetryOptions } from './attachment.ts';

const flag: Schema = { kind: 'boolean' };

const schema: ObjectSchema = {
  kind: 'object',
  properties: {
    spans: flag,
    rejectionSpansPerParent: { kind: 'number', integer: true, min: 0, max: 1_000_000 },
    roots: flag,
    spanEvents: flag,
    metrics: { kind: 'enum', values: ['auto', 'instruments', 'off'] satisfies MetricsOption[] },
    durationHistogram: { kind: 'enum', values: ['auto', 'collected', 'recorded', 'off'] satisfies DurationHistogramOption[] },
    outageSegmentMs: { kind: 'number', duration: true, min: 0, exclusiveMin: true, max: 2_147_483_647 },
  } satisfies Record<keyof TelemetryOptions, Schema>,
};

/** @throws ConfigError naming every option at fault, its value and what is allowed */
export function checkTelemetryOptions(given: unknown): void {
  checkArguments('options of telemetry', schema, given);
}
