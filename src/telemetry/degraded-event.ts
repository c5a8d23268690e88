import type { Attributes } from '@opentelemetry/api';
import type { DegradedEvent, DegradedState } from '../registry/degradation.ts';
import { ROOT_CONTEXT } from './api.ts';
import { type Logger, severity } from './logs-api.ts';
import { attributes as a, eventNames } from './names.ts';

/** That calls are served otherwise, or as ever again, as a log record; a person should look while they are not served as configured. */
export function logDegraded(logger: Logger, { before, now, reason }: DegradedEvent, timestamp: number): void {
  const by = (now ?? before)?.by ?? 'hand';
  const attributes: Attributes = { [a.degradedMode]: now?.mode ?? 'configured', [a.degradedBy]: by };
  if (reason !== undefined) attributes[a.reason] = reason;
  const usual = now === undefined;
  logger.emit({
    eventName: eventNames.degrade,
    severityNumber: usual ? severity.INFO : severity.WARN,
    severityText: usual ? 'INFO' : 'WARN',
    body: `calls are served ${said(now)}, before ${said(before)}${reason === undefined ? '' : ` (${reason})`}`,
    attributes,
    timestamp,
    context: ROOT_CONTEXT,
  });
}

function said(state: DegradedState | undefined): string {
  return state === undefined ? 'as configured' : `${state.mode} by ${state.by}`;
}
