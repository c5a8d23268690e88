import type { Attributes } from '@opentelemetry/api';
import { ROOT_CONTEXT } from './api.ts';
import { type Logger, severity } from './logs-api.ts';
import { attributes as a, eventNames } from './names.ts';

/** A configuration was read again while the process runs. */
export interface ConfigurationEvent {
  readonly applied: boolean;
  /** A file's name, or several sources. */
  readonly source: string;
  /** As `breakers[0].mode: shadow -> enforce`. */
  readonly changes: readonly string[];
  /** Settings that changed but are read at the start only. */
  readonly atNextStart: readonly string[];
  readonly error?: Error | undefined;
}

/** Changes that one record lists. */
const maxChanges = 32;

/** A reload as a log record; a person should look at one that was refused. */
export function logConfiguration(logger: Logger, event: ConfigurationEvent, timestamp: number): void {
  const { applied, source, changes, atNextStart, error } = event;
  const attributes: Attributes = { [a.configSource]: source, [a.configApplied]: applied, [a.configChanges]: changes.slice(0, maxChanges) };
  if (atNextStart.length > 0) attributes[a.configAtNextStart] = [...atNextStart];
  if (error !== undefined) attributes[a.errorType] = (error as { code?: string }).code ?? error.name;
  const summary = changes.length === 0 ? 'nothing changed' : changes.slice(0, maxChanges).join('; ');
  logger.emit({
    eventName: eventNames.config,
    severityNumber: applied ? severity.INFO : severity.WARN,
    severityText: applied ? 'INFO' : 'WARN',
    body: applied ? `configuration reloaded (${source}): ${summary}` : `configuration not reloaded, the one before stays: ${error?.message ?? ''}`,
    attributes,
    timestamp,
    context: ROOT_CONTEXT,
  });
}
