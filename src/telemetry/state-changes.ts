import type { Attributes } from '@opentelemetry/api';
import type { TransitionEvent } from '../breaker/events.ts';
import { errorType } from '../core/errors.ts';
import { ROOT_CONTEXT, trace } from './api.ts';
import { isRefusing } from './attributes.ts';
import { callerSpan, spanContextOf } from './call-trace.ts';
import { type Logger, severity } from './logs-api.ts';
import { eventNames } from './names.ts';
import { tripAttributes } from './transition-attributes.ts';

function attributesOf(event: TransitionEvent): Attributes {
  const made = tripAttributes(event);
  made['breaker.state.from'] = event.from;
  made['breaker.state.to'] = event.to;
  made['breaker.generation'] = event.generation;
  if (event.openForMs !== undefined) made['breaker.open.duration'] = event.openForMs / 1_000;
  if (event.error !== undefined && isRefusing(event.to)) made['error.type'] = errorType(event.error);
  return made;
}

/** Epoch ms of a time on a breaker's clock. */
export function epochOf(event: TransitionEvent): number {
  return Date.now() - (event.breaker.clock.now() - event.at);
}

/** A state change as a log record in the trace of the call that caused it; a person should look at an opening. */
export function logStateChange(logger: Logger, event: TransitionEvent, timestamp: number): void {
  const { breaker, from, to, trigger, shadow } = event;
  const alarming = !shadow && isRefusing(to) && to !== 'half_open';
  const caller = spanContextOf(event.trace);
  logger.emit({
    eventName: eventNames.stateChange,
    severityNumber: alarming ? severity.WARN : severity.INFO,
    severityText: alarming ? 'WARN' : 'INFO',
    body: `${breaker.name}: ${shadow ? 'would have gone ' : ''}${from} -> ${to} (${trigger})`,
    attributes: attributesOf(event),
    timestamp,
    // Never the active context: a timer's or a listener's belongs to nobody.
    context: caller === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, caller),
  });
}

/** The same as an event on the caller's span: today's trace viewers show those. */
export function addStateChange(event: TransitionEvent): void {
  const span = callerSpan(event.trace);
  if (span?.isRecording() === true) span.addEvent(eventNames.stateChange, attributesOf(event));
}
