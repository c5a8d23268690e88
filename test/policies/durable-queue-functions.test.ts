import { describe, expect, test } from 'vitest';
import { CallTimeoutError, QueueOvertakenError } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { queued } from '../../src/policies/durable-queue/queued.ts';
import { makeQueue, settle } from './durable-queue-harness.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

async function shop() {
  const parts = await makeQueue();
  const calls: unknown[] = [];
  let down: unknown;
  async function save(id: string, order: { readonly at: Date }): Promise<string> {
    await null;
    if (down !== undefined) throw down;
    calls.push([id, order]);
    return `saved ${id}`;
  }
  const fails = (error: unknown): void => {
    down = error;
  };
  return { ...parts, calls, save, fails, store: parts.queue };
}

describe('a queued function', () => {
  test('is called at once while its dependency is there', async () => {
    const { save, store, calls } = await shop();
    const kept = queued(save, { store, key: (id) => id });
    expect(await kept('a', { at: new Date(1) })).toBe('saved a');
    expect([calls.length, store.counts.appended]).toEqual([1, 0]);
  });

  test('is called later with the same arguments while it is not, and the caller gets the reply that was arranged', async () => {
    const { save, store, calls, fails } = await shop();
    const kept = queued(save, { store, key: (id) => id, reply: (id) => `accepted ${id}` });
    fails(refused);
    expect(await kept('a', { at: new Date(1) })).toBe('accepted a');
    await settle();
    expect([calls, store.depth]).toEqual([[], 1]);
    fails(undefined);
    store.resume();
    await settle();
    expect([calls, store.depth]).toEqual([[['a', { at: new Date(1) }]], 0]);
  });

  test.each([
    ['throws', () => JSON.parse('{')],
    ['is async by mistake', async () => true],
  ])('with a queueOn that %s rejects with what has failed, and keeps nothing', async (_what, queueOn) => {
    const faults: unknown[] = [];
    const before = setFaultReporter((error) => void faults.push(error));
    const { save, store, fails } = await shop();
    fails(refused);
    await expect(queued(save, { store, key: (id) => id, queueOn: queueOn as never })('a', { at: new Date(1) })).rejects.toBe(refused);
    setFaultReporter(before);
    expect([store.depth, store.has('a'), faults.length]).toEqual([0, false, 1]);
  });

  test('does not overtake what waits for the same key, but is called for others', async () => {
    const { save, store, calls, fails } = await shop();
    const kept = queued(save, { store, key: (id) => id });
    fails(refused);
    await kept('a', { at: new Date(1) });
    store.pause();
    fails(undefined);
    expect(await kept('a', { at: new Date(2) })).toBeUndefined();
    expect(await kept('b', { at: new Date(3) })).toBe('saved b');
    store.resume();
    await settle();
    expect(calls).toEqual([
      ['b', { at: new Date(3) }],
      ['a', { at: new Date(1) }],
      ['a', { at: new Date(2) }],
    ]);
  });

  test('throws what is not a matter of the dependency being away', async () => {
    const { save, store, fails } = await shop();
    const kept = queued(save, { store, key: (id) => id });
    fails(new RangeError('no such order'));
    await expect(kept('a', { at: new Date(1) })).rejects.toThrow('no such order');
    fails(new CallTimeoutError('orders', 100));
    expect(await kept('a', { at: new Date(1) })).toBeUndefined();
  });

  test('is not queued after a later call of its key has gone through', async () => {
    const { store } = await shop();
    const gates = new Map<string, (error?: unknown) => void>();
    const slow = (id: string): Promise<void> =>
      new Promise((resolve, reject) => {
        gates.set(id, (error) => (error === undefined ? resolve() : reject(error)));
      });
    const kept = queued(slow, { store, key: () => 'one', name: 'slow' });
    const early = kept('early');
    const late = kept('late');
    gates.get('late')?.();
    await late;
    gates.get('early')?.(refused);
    await expect(early).rejects.toThrow(QueueOvertakenError);
    await expect(early).rejects.toMatchObject({ cause: refused });
  });

  test('must have a name', async () => {
    const { store } = await shop();
    expect(() => queued(async () => {}, { store, key: () => 'k' })).toThrow('needs a name');
  });

  test('refuses options that cannot be used', async () => {
    const { store, save } = await shop();
    const key = () => 'k';
    expect(() => queued(save, { store, key, repply: () => 1 } as never)).toThrow(
      /^queued: repply is a function; allowed: no such key; did you mean reply\?$/,
    );
    expect(() => queued(save, { store } as never)).toThrow(/key is undefined; allowed: a function/);
    expect(() => queued(save, { store: 'orders', key } as never)).toThrow(/store is "orders"; allowed: a queue/);
    expect(() => queued(7 as never, { store, key })).toThrow(/fn is 7; allowed: the function/);
    expect(() => queued(save, undefined as never)).toThrow(/allowed: an object with store, key/);
  });
});
