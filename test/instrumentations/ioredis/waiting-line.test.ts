import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Keys, longestWaitMs, WaitingLine } from '../../../instrumentations/ioredis/waiting-line.ts';
import { setFaultReporter } from '../../../src/core/fault.ts';
import { ManualClock } from '../../../src/testing.ts';

let clock: ManualClock;
let line: WaitingLine;
let went: string[];
const free = new Set<string>();

beforeEach(() => {
  clock = new ManualClock();
  line = new WaitingLine(clock);
  went = [];
  free.clear();
});

/** Somebody who goes on once `free` has his name, and does so after some turns of the microtask queue. */
async function waits(name: string, keys: Keys, turns = 0, lost?: () => boolean): Promise<void> {
  const inTime = await line.wait(keys, () => free.has(name), lost);
  for (let turn = 0; turn < turns; turn += 1) await undefined;
  went.push(inTime ? name : `${name} too late`);
}

async function look(): Promise<void> {
  clock.advance(20);
  await new Promise((resolve) => setImmediate(resolve));
}

describe('calls that wait for queued writes', () => {
  it('go on in the order in which they came where they share a key, however long their ways', async () => {
    void waits('a', ['k'], 20);
    clock.advance(10);
    void waits('b', ['j', 'k']);
    void waits('c', ['k'], 3);
    void waits('d', ['k', 'l']);
    for (const name of ['b', 'c', 'd']) free.add(name);
    await look();
    expect(went).toEqual([]);
    free.add('a');
    await look();
    expect(went).toEqual(['a', 'b', 'c', 'd']);
    expect(line.isEmpty).toBe(true);
  });

  it('do not wait for others', async () => {
    void waits('a', ['k']);
    void waits('b', ['l']);
    free.add('b');
    await look();
    expect(went).toEqual(['b']);
  });

  it('wait for what touches every key, and it for them', async () => {
    for (const [name, keys] of [
      ['a', ['k']],
      ['b', 'all'],
      ['c', ['l']],
    ] as const)
      void waits(name, keys);
    for (const name of ['b', 'c']) free.add(name);
    await look();
    expect(went).toEqual([]);
    free.add('a');
    await look();
    expect(went).toEqual(['a', 'b', 'c']);
  });

  it('are told when they are lost, whoever is before them', async () => {
    void waits('a', ['k']);
    void waits('b', ['k'], 0, () => true);
    await look();
    expect(went).toEqual(['b']);
  });

  it('wait no longer than they may', async () => {
    void waits('a', ['k']);
    for (let waited = 0; waited < longestWaitMs; waited += 20) {
      expect(went).toEqual([]);
      await look();
    }
    expect(went).toEqual(['a too late']);
  });

  it('are in the way of what comes later until they have gone on, and leave no timer behind', async () => {
    void waits('a', ['k']);
    void waits('b', 'all');
    expect([line.has(['k']), line.has(['l']), line.has('all')]).toEqual([true, true, true]);
    free.add('a').add('b');
    await look();
    expect([line.has(['k']), line.has(['l']), line.has('all')]).toEqual([false, false, false]);
    expect(clock.pendingTimers).toBe(0);
  });

  describe('with a question that throws', () => {
    const faults: unknown[] = [];
    beforeEach(() => {
      setFaultReporter((fault) => void faults.push(fault));
    });
    afterEach(() => {
      setFaultReporter(undefined);
    });

    it('go on, and the fault is reported', async () => {
      void line
        .wait(['k'], () => {
          throw new Error('Boom');
        })
        .then((inTime) => went.push(String(inTime)));
      await look();
      expect(went).toEqual(['true']);
      expect(faults).toHaveLength(1);
    });
  });
});
