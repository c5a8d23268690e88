import * as api from '@opentelemetry/api';
import type { Registry } from '../registry/registry.ts';
import { provideApi } from './api.ts';
import { Attachment, type TelemetryHandle, type TelemetryOptions } from './attachment.ts';
import { checkTelemetryOptions } from './telemetry-options.ts';

export type { DurationHistogramOption, MetricsOption, TelemetryHandle, TelemetryOptions } from './attachment.ts';

/**
 * Tells OpenTelemetry about all breakers of a registry: those present and those to come. The SDK may be registered
 * before or after, or never; counts are complete in any case. Never throws later on: faults go to `diag`.
 * @throws ConfigError for options that cannot be used
 */
export function attachTelemetry(registry: Registry, options: TelemetryOptions = {}): TelemetryHandle {
  checkTelemetryOptions(options);
  provideApi(api);
  return new Attachment(registry, options);
}
