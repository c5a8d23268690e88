import { diag } from '../telemetry/slots.ts';

/** To the log of OpenTelemetry and, since that may be off, to stderr. */
export function complain(message: string): void {
  diag.error(message);
  process.stderr.write(`${message}\n`);
}

/** Parts start each on their own: without one of them the service still has the others. */
export function attempt(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    complain(`otel-breaker: ${what} not started: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
