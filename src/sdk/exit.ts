const endingSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
const signalExit = Symbol.for('signal-exit emitter');
/** How long an ending process waits for the last export. */
const FLUSH_MS = 2_000;

export interface ExitOptions {
  /** A signal that does not end the process. */
  readonly except: NodeJS.Signals | undefined;
  /**
   * Whether to listen to signals that the program does not listen to. Without a listener a signal ends even a process that is
   * caught in a loop.
   */
  readonly uninvited: boolean;
}

/**
 * Runs `flush` once when the process ends in a way that leaves time for it: when it has nothing more to do, and on the
 * signals that end it. A signal nobody else handles still ends the process by that signal, after the flush or after two
 * seconds; one that the program handles stays the program's, and the flush runs beside it. `process.exit()` and crashes
 * leave no time for an export.
 */
export function flushAtExit(flush: () => Promise<void>, { except, uninvited }: ExitOptions): Disposable {
  // Workers have no signals; adding a listener there would only warn. Loaded when there is something to flush, not before.
  const { isMainThread } = process.getBuiltinModule('node:worker_threads');
  const signals = isMainThread ? endingSignals.filter((signal) => signal !== except) : [];
  let begun: Promise<boolean> | undefined;
  const flushOnce = (): Promise<boolean> => {
    begun ??= withTimeout(flush());
    return begun;
  };
  const onIdle = (): void => {
    if (begun !== undefined) return;
    void flushOnce().then((done) => {
      // Nothing was left to do but this export, which hangs: it must not hold the process. Unless the program too had
      // something to do at the end.
      if (!done && process.listenerCount('beforeExit') === 1) process.exit();
    });
  };
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
  const heeds = (signal: NodeJS.Signals): boolean => process.listeners(signal).includes(onSignal);
  // First in line: a program's `once` listener that has run is gone, and the signal would seem to be nobody's.
  const listen = (signal: NodeJS.Signals): void => {
    if (!heeds(signal)) process.prependListener(signal, onSignal);
  };
  /** Whether Node would warn of one listener too many, and it is ours. */
  const isCrowded = (signal: NodeJS.Signals, more: number): boolean => {
    const limit = process.getMaxListeners();
    return limit > 0 && process.listenerCount(signal) - (heeds(signal) ? 1 : 0) + more >= limit;
  };
  const follow = (signal: NodeJS.Signals, more: number): void => {
    if (isCrowded(signal, more)) process.off(signal, onSignal);
    else listen(signal);
  };
  const onListener = (event: string | symbol, listener: unknown): void => {
    const signal = signals.find((each) => each === event);
    if (signal !== undefined && listener !== onSignal) follow(signal, 1);
  };
  // A signal that the program handles no more, or handled once, is to end it as it does without us, caught in a loop or not.
  const onRemoved = (event: string | symbol, listener: unknown): void => {
    const signal = signals.find((each) => each === event);
    if (signal !== undefined && listener !== onSignal && process.listenerCount(signal) === 1) process.off(signal, onSignal);
  };
  const stop = (): void => {
    process.off('beforeExit', onIdle);
    process.off('newListener', onListener);
    process.off('removeListener', onRemoved);
    for (const signal of signals) process.off(signal, onSignal);
  };
  process.on('beforeExit', onIdle);
  for (const signal of signals) {
    if (uninvited) listen(signal);
    else if (process.listenerCount(signal) > 0) follow(signal, 0);
  }
  if (!uninvited && signals.length > 0) {
    process.on('newListener', onListener);
    process.on('removeListener', onRemoved);
  }
  return { [Symbol.dispose]: stop };
}

/**
 * Listeners of the package `signal-exit`, which half of npm depends on: it kills the process only when no other listener
 * is there, so that it and we would wait for each other for ever. They are not counted as the program's.
 */
export function yieldingListeners(): number {
  const old = (process as { __signal_exit_emitter__?: { count?: unknown } }).__signal_exit_emitter__?.count;
  const present = (globalThis as { [signalExit]?: { count?: unknown } })[signalExit]?.count;
  return [old, present].reduce<number>((sum, count) => sum + (typeof count === 'number' ? count : 0), 0);
}

/** Whether the work is done in time; rejections are its own concern. */
async function withTimeout(work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), FLUSH_MS);
  });
  const done = await Promise.race([
    work.then(
      () => true,
      () => true,
    ),
    patience,
  ]);
  clearTimeout(timer);
  return done;
}
