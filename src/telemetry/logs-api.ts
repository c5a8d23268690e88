import type { Attributes, Context } from '@opentelemetry/api';
import { version } from '../core/version.ts';
import { scopeName } from './names.ts';

/** OpenTelemetry's severity numbers, as far as we use them. */
export const severity = { INFO: 9, WARN: 13, ERROR: 17 } as const;

export interface LogRecord {
  readonly eventName: string;
  readonly severityNumber: number;
  readonly severityText: keyof typeof severity;
  readonly body: string;
  readonly attributes: Attributes;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly context: Context;
}

export interface Logger {
  emit(record: LogRecord): void;
}

interface LoggerProvider {
  getLogger(name: string, version: string): Logger;
}

/**
 * The logs API is part of `@opentelemetry/api` from 1.10 and was `@opentelemetry/api-logs` before. Both keep the
 * registered provider in a global slot that is their contract between copies and versions, so the slots are read here:
 * neither package has to be found, installed, or of the same copy as the host's.
 */
const apiSlot = Symbol.for('opentelemetry.js.api.1');
const apiLogsSlot = Symbol.for('io.opentelemetry.js.api.logs');
const apiLogsVersion = 1;

interface Slots {
  readonly [apiSlot]?: { readonly logs?: LoggerProvider };
  readonly [apiLogsSlot]?: (version: number) => LoggerProvider | undefined;
}

/** A logger of the registered logger provider, if there is one. */
export function findLogger(): Logger | undefined {
  const slots = globalThis as Slots;
  const provider = slots[apiSlot]?.logs ?? slots[apiLogsSlot]?.(apiLogsVersion);
  return typeof provider?.getLogger === 'function' ? provider.getLogger(scopeName, version) : undefined;
}
