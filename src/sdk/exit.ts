import { isMainThread } from 'node:worker_threads';

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
const signalExit = Symbol.for('signal-exit emitter');
/** How long an ending process waits for the last export. */
const FLUSH_MS = 2_000;

/**
 * Runs `flush` once when the process ends in a way that leaves time for it: when it has nothing more to do, and on the
 * signals that end it. A signal nobody else handles still ends the process by that signal, after the flush or after two
 * seconds; one that the program handles stays the program's, and the flush runs beside it. `process.exit()` and crashes
 * leave no time for an export.
 */
export function flushAtExit(flush: () => Promise<void>): Disposable {
  let begun: Promise<void> | undefined;
  const flushOnce = (): Promise<void> => {
    begun ??= withTimeout(flush());
    return begun;
  };
  const onIdle = (): void => void flushOnce();
  const onSignal = (signal: NodeJS.Signals): void => {
    const alone = process.listenerCount(signal) - yieldingListeners() === 1;
    const dies = begun !== undefined && alone;
    const end = (): void => {
      stop();
      process.kill(process.pid, signal);
    };
    // The second signal of an impatient person ends it at once.
    if (dies) end();
    else if (alone) void flushOnce().then(end);
    else void flushOnce();
  };
  const stop = (): void => {
    process.off('beforeExit', onIdle);
    for (const signal of signals) process.off(signal, onSignal);
  };
  process.on('beforeExit', onIdle);
  // Workers have no signals; adding a listener there would only warn.
  if (isMainThread) for (const signal of signals) process.on(signal, onSignal);
  return { [Symbol.dispose]: stop };
}

/**
 * Listeners of the package `signal-exit`, which half of npm depends on: it kills the process only when no other listener
 * is there, so that it and we would wait for each other for ever. They are not counted as the program's.
 */
function yieldingListeners(): number {
  const old = (process as { __signal_exit_emitter__?: { count?: unknown } }).__signal_exit_emitter__?.count;
  const present = (globalThis as { [signalExit]?: { count?: unknown } })[signalExit]?.count;
  return [old, present].reduce<number>((sum, count) => sum + (typeof count === 'number' ? count : 0), 0);
}

/** Rejections are the flush's own concern; a receiver that hangs must not hold the process. */
async function withTimeout(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, FLUSH_MS);
    timer.unref();
  });
  await Promise.race([work.catch(() => undefined), patience]);
  clearTimeout(timer);
}
