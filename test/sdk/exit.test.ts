import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { flushAtExit } from '../../src/sdk/exit.ts';

const signal = 'SIGTERM';
const listener = (): void => {};
const before = process.listeners(signal);
let held: Disposable | undefined;

beforeEach(() => {
  process.removeAllListeners(signal);
});
afterEach(() => {
  held?.[Symbol.dispose]();
  process.removeAllListeners(signal);
  for (const each of before) process.on(signal, each);
});

describe('a flush that is not worth a signal listener of its own', () => {
  const flushing = (): ReturnType<typeof vi.fn<() => Promise<void>>> => {
    const flush = vi.fn(() => Promise.resolve());
    held = flushAtExit(flush, { except: undefined, uninvited: false });
    return flush;
  };

  it('leaves signals alone that the program does not handle', () => {
    flushing();
    expect(process.listenerCount(signal)).toBe(0);
  });

  it.each(['before', 'after'])('runs ahead of a handler that the program installed %s it', (when) => {
    const order: string[] = [];
    if (when === 'before') process.on(signal, () => order.push('program'));
    flushing().mockImplementation(async () => void order.push('flush'));
    if (when === 'after') process.on(signal, () => order.push('program'));
    process.emit(signal);
    expect(order).toEqual(['flush', 'program']);
  });

  it('leaves a signal to its default again when the program has no handler any more, or had one for once', () => {
    const order: string[] = [];
    flushing().mockImplementation(async () => void order.push('flush'));
    process.on(signal, listener);
    process.off(signal, listener);
    expect(process.listenerCount(signal)).toBe(0);
    process.once(signal, () => order.push('program'));
    process.emit(signal);
    expect([order, process.listenerCount(signal)]).toEqual([['flush', 'program'], 0]);
  });

  it('gives way where it would be the listener too many', () => {
    const warnings: unknown[] = [];
    const warned = (warning: unknown): void => void warnings.push(warning);
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(warned);
    flushing();
    for (let count = 1; count <= process.getMaxListeners(); count += 1) process.on(signal, () => undefined);
    emitWarning.mockRestore();
    expect([process.listenerCount(signal), warnings]).toEqual([process.getMaxListeners(), []]);
  });

  it('leaves nothing behind', () => {
    const listeners = ['newListener', 'removeListener'].map((event) => process.listenerCount(event));
    process.on(signal, listener);
    flushing();
    expect(process.listenerCount(signal)).toBe(2);
    held?.[Symbol.dispose]();
    process.on('SIGHUP', listener);
    const left = [signal, 'SIGHUP', 'newListener', 'removeListener'].map((event) => process.listenerCount(event));
    expect(left).toEqual([1, 1, ...listeners]);
    process.off('SIGHUP', listener);
  });
});

it('an SDK of ours is flushed whether or not the program handles the signal', () => {
  held = flushAtExit(() => Promise.resolve(), { except: 'SIGHUP', uninvited: true });
  expect([process.listenerCount(signal), process.listeners('SIGHUP').length]).toEqual([1, 0]);
});
