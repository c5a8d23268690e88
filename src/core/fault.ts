/** Told of a fault inside this library, or in a listener or hook that the user gave it. */
export type FaultReporter = (error: unknown, where: string) => void;

const warn: FaultReporter = (error, where) => {
  process.emitWarning(`fault in ${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, {
    type: 'OtelBreakerWarning',
    code: 'OTEL_BREAKER_FAULT',
  });
};

let reporter: FaultReporter = warn;

/** Where faults go; by default a process warning. Telemetry sends them to OpenTelemetry's `diag`. Returns the reporter before. */
export function setFaultReporter(next: FaultReporter | undefined): FaultReporter {
  const before = reporter;
  reporter = next ?? warn;
  return before;
}

/** Reports a fault; never throws. */
export function reportFault(error: unknown, where: string): void {
  try {
    reporter(error, where);
  } catch {
    // Nobody is left to tell; the host's call comes first.
  }
}
