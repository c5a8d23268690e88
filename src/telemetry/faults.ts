import { diag } from '@opentelemetry/api';
import { type FaultReporter, setFaultReporter } from '../core/fault.ts';

/** Where every copy of the API keeps what was registered, by its own cross-version contract. */
const apiSlot = Symbol.for('opentelemetry.js.api.1');

function hasDiagLogger(): boolean {
  return (globalThis as { [apiSlot]?: { diag?: unknown } })[apiSlot]?.diag !== undefined;
}

let attached = 0;
let before: FaultReporter | undefined;

const toDiag: FaultReporter = (error, where) => {
  // Without a logger `diag` swallows everything; then the reporter of before must not fall silent.
  if (hasDiagLogger()) diag.error(`otel-breaker: fault in ${where}`, error);
  else before?.(error, where);
};

/** Sends faults to OpenTelemetry's `diag` until disposed of; several holders share it. */
export function faultsToDiag(): Disposable {
  if (attached === 0) before = setFaultReporter(toDiag);
  attached += 1;
  let held = true;
  return {
    [Symbol.dispose]: () => {
      if (!held) return;
      held = false;
      attached -= 1;
      if (attached === 0) setFaultReporter(before);
    },
  };
}
