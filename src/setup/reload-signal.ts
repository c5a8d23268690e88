import { yieldingListeners } from '../sdk/exit.ts';

/**
 * Calls `reload` on a signal, as long as the program itself does not handle it: then the signal has a meaning of its own.
 * Without either, both signals would end the process; that is why nothing listens unless it was asked for.
 */
export function reloadOn(signal: 'SIGHUP' | 'SIGUSR2', reload: () => void): Disposable {
  const { isMainThread } = process.getBuiltinModule('node:worker_threads');
  const onSignal = (): void => {
    if (process.listenerCount(signal) - yieldingListeners() === 1) reload();
  };
  if (isMainThread) process.on(signal, onSignal);
  return { [Symbol.dispose]: () => void process.off(signal, onSignal) };
}
