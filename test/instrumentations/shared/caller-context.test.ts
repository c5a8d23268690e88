import { AsyncLocalStorage, executionAsyncId } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { callerContext } from '../../../instrumentations/shared/caller-context.ts';

describe('the async context of a caller', () => {
  const storage = new AsyncLocalStorage<string>();

  it('is the one in which it was asked for, whoever calls back, and as often as he does', () => {
    const first = storage.run('first', callerContext);
    const second = storage.run('second', callerContext);
    const seen = storage.run('a timer', () => [first(() => storage.getStore()), second(() => storage.getStore()), first(() => storage.getStore())]);
    expect(seen).toEqual(['first', 'second', 'first']);
  });

  it('is over when the function is, also by a throw', () => {
    const inContext = storage.run('caller', callerContext);
    const id = executionAsyncId();
    storage.run('a timer', () => {
      expect(() =>
        inContext(() => {
          throw new Error('Boom');
        }),
      ).toThrow('Boom');
      expect(storage.getStore()).toBe('a timer');
    });
    expect(executionAsyncId()).toBe(id);
  });
});
