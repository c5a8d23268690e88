import type { Attributes } from '@opentelemetry/api';
import { ROOT_CONTEXT } from './api.ts';
import { type Logger, severity } from './logs-api.ts';
import { attributes as a, eventNames } from './names.ts';

/** Where a breaker stands. */
interface Standing {
  readonly state: string;
  readonly mode: string;
  /** How its calls are served, where not as ever. */
  readonly degraded?: string;
}

/** Somebody with a token did something by the management server, or tried to. */
export interface AdminActionEvent {
  readonly action: string;
  /** The token's name. */
  readonly actor: string;
  readonly reason?: string;
  /** What was asked for, one text each. */
  readonly details: readonly string[];
  readonly changes: readonly { readonly breaker: string; readonly before: Standing; readonly after: Standing }[];
  /** Why nothing came of it. */
  readonly error?: string;
}

/** Changes and details that one record lists. */
const maxListed = 32;

/** An admin action as a log record: who, what, before and after. A person should look: it may refuse calls, or let all through. */
export function logAdmin(logger: Logger, event: AdminActionEvent, timestamp: number): void {
  const { action, actor, reason, details, changes, error } = event;
  const said = changes.map(({ breaker, before, after }) => `${breaker}: ${shown(before)} -> ${shown(after)}`);
  const attributes: Attributes = { [a.adminAction]: action, [a.adminActor]: actor, [a.adminChanges]: said.slice(0, maxListed) };
  if (details.length > 0) attributes[a.adminDetails] = details.slice(0, maxListed);
  if (reason !== undefined) attributes[a.reason] = reason;
  // Of one breaker, findable like all else of it.
  const [only] = changes;
  if (only !== undefined && changes.length === 1) attributes[a.name] = only.breaker;
  if (error !== undefined) attributes[a.errorType] = 'failed';
  // What faults change is what calls come to, and no breaker itself.
  const done = action === 'faults' ? details.join(', ') : summary(said);
  const outcome = error === undefined ? done : `failed: ${error}`;
  logger.emit({
    eventName: eventNames.admin,
    severityNumber: severity.WARN,
    severityText: 'WARN',
    body: `${actor}: ${action}${reason === undefined ? '' : ` (${reason})`}: ${outcome}`,
    attributes,
    timestamp,
    context: ROOT_CONTEXT,
  });
}

function shown({ state, mode, degraded }: Standing): string {
  return `${state} (${degraded === undefined ? mode : `${mode}, ${degraded}`})`;
}

function summary(changes: readonly string[]): string {
  if (changes.length === 0) return 'nothing changed';
  const more = changes.length - maxListed;
  return changes.slice(0, maxListed).join('; ') + (more > 0 ? `; and ${more} more` : '');
}
