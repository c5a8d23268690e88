import { type FaultReporter, setFaultReporter } from '../core/fault.ts';
import { registered } from './slots.ts';

let attached = 0;
let before: FaultReporter | undefined;

const toDiag: FaultReporter = (error, where) => {
  // Without a logger nobody would hear; then the reporter of before must not fall silent.
  const diag = registered()?.diag;
  if (diag !== undefined) diag.error(`otel-breaker: fault in ${where}`, error);
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
