import type { ContextManager, DiagLogger, MeterProvider, TracerProvider } from '@opentelemetry/api';

/**
 * Under this key all copies of the API of line 1 keep what was registered with any of them: the contract between them
 * (source: `global-utils.ts` of opentelemetry-js). Read here where the API itself need not be there, or not yet.
 */
const key = Symbol.for('opentelemetry.js.api.1');

export interface Registered {
  readonly trace?: TracerProvider;
  readonly metrics?: MeterProvider;
  readonly context?: ContextManager;
  readonly diag?: DiagLogger;
}

/** What is registered with OpenTelemetry's API; `undefined` when nothing ever was. */
export function registered(): Registered | undefined {
  return (globalThis as { [key]?: Registered })[key];
}

/** The log of OpenTelemetry, silent unless somebody has set a logger. */
export const diag = {
  error: (message: string, ...details: unknown[]): void => registered()?.diag?.error(message, ...details),
  warn: (message: string, ...details: unknown[]): void => registered()?.diag?.warn(message, ...details),
  info: (message: string, ...details: unknown[]): void => registered()?.diag?.info(message, ...details),
  debug: (message: string, ...details: unknown[]): void => registered()?.diag?.debug(message, ...details),
};
