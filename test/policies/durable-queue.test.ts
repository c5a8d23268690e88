import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError, ExecutionRejectedError, QueueFullError, StorageError } from '../../src/core/errors.ts';
import { type FaultReporter, setFaultReporter } from '../../src/core/fault.ts';
import { DurableQueue } from '../../src/policies/durable-queue/durable-queue.ts';
import { recordId } from '../../src/policies/durable-queue/queue-log.ts';
import { failing, makeQueue, Server, settle, TestLog } from './durable-queue-harness.ts';

const faults: unknown[] = [];
let reporter: FaultReporter;
beforeEach(() => {
  faults.length = 0;
  reporter = setFaultReporter((error) => faults.push(error));
});
afterEach(() => void setFaultReporter(reporter));

describe('appending', () => {
  test('resolves only once the write is durable', async () => {
    const { log, write, queue } = await makeQueue();
    queue.pause();
    log.hold();
    let answered = false;
    const writing = write('a1').then(() => {
      answered = true;
    });
    await settle();
    expect(answered).toBe(false);
    expect(queue.pending('a')).toEqual([]);
    log.release();
    await writing;
    expect(log.records.size).toBe(1);
    expect(queue.pending('a')).toEqual([{ handler: 'w', payload: 'a1', ageMs: 0 }]);
  });

  test('shares one commit among all writes of a burst, and among all that come during the one before', async () => {
    const { log, write, queue } = await makeQueue();
    queue.pause();
    log.hold();
    const first = Array.from({ length: 50 }, (_, n) => write(`a${n}`));
    await settle();
    const second = Array.from({ length: 50 }, (_, n) => write(`b${n}`));
    await settle();
    log.release();
    await Promise.all([...first, ...second]);
    expect(log.commits).toBe(2);
  });

  test('sends nothing that is not durable yet', async () => {
    const { log, write, server } = await makeQueue();
    log.hold();
    const writing = write('a1');
    await settle();
    expect(server.attempts).toBe(0);
    log.release();
    await writing;
    await settle();
    expect(server.got).toEqual(['a1']);
  });

  test('keeps a copy: what the caller changes later is not its business', async () => {
    const { queue } = await makeQueue();
    queue.pause();
    const payload = { value: Buffer.from('abc') };
    const writing = queue.append({ handler: 'w', keys: ['a'], payload });
    payload.value.fill(0);
    await writing;
    expect(queue.pending('a')[0]?.payload).toEqual({ value: Buffer.from('abc') });
  });

  test('is refused when the queue is full by entries or by bytes, with the cause, and told', async () => {
    const { queue, write } = await makeQueue({ name: 'orders', maxEntries: 2 });
    queue.pause();
    const refused: Error[] = [];
    queue.on('refused', ({ error }) => refused.push(error));
    await write('a1');
    await write('a2');
    const cause = new Error('down');
    const error: QueueFullError = await queue.append({ handler: 'w', keys: ['a'], payload: 'a3', cause }).then(
      () => expect.unreachable(),
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(QueueFullError);
    expect(error).toBeInstanceOf(ExecutionRejectedError);
    expect(error).toMatchObject({
      code: 'EQUEUEFULL',
      reason: 'queue_full',
      breaker: 'orders',
      cause,
      message: 'orders: the queue is full (2 entries)',
    });
    expect([queue.depth, queue.counts.refused, refused]).toEqual([2, 1, [error]]);
    const small = await makeQueue({ maxBytes: 100 });
    small.queue.pause();
    await expect(small.write('a'.repeat(200))).rejects.toThrow('100 bytes');
    expect(small.queue.bytes).toBe(0);
  });

  test('is an error of the caller of that write when storage fails, and nothing is kept of it', async () => {
    const { queue, write, log, server } = await makeQueue();
    log.fault = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    await expect(write('a1')).rejects.toThrow(StorageError);
    expect([queue.depth, queue.bytes, queue.has('a')]).toEqual([0, 0, false]);
    log.fault = undefined;
    await write('a2');
    await settle();
    expect(server.got).toEqual(['a2']);
  });

  test('refuses what cannot be kept', async () => {
    const { queue } = await makeQueue();
    await expect(queue.append({ handler: 'w', keys: ['a'], payload: () => 1 })).rejects.toThrow('cannot be kept');
    expect(queue.depth).toBe(0);
  });

  test('is refused after closing', async () => {
    const { queue, write } = await makeQueue();
    await queue.close();
    await expect(write('a1')).rejects.toThrow('is closed');
  });

  test('refuses options that cannot be used', async () => {
    await expect(DurableQueue.open(new TestLog(), { maxEntries: 0 })).rejects.toThrow(ConfigError);
    await expect(DurableQueue.open(new TestLog(), { retryMs: 100, maxRetryMs: 10 })).rejects.toThrow('maxRetryMs');
  });
});

describe('replaying', () => {
  test('keeps the order of each key, also when attempts fail', async () => {
    const { write, server, clock, queue } = await makeQueue({ concurrency: 4 });
    server.down = failing('unavailable');
    for (const payload of ['a1', 'b1', 'a2', 'b2', 'a3', 'c1']) await write(payload);
    await settle();
    server.down = undefined;
    clock.advance(5_000);
    await settle();
    for (const key of ['a', 'b', 'c'])
      expect(server.got.filter((each) => each.startsWith(key))).toEqual(server.got.filter((each) => each.startsWith(key)).sort());
    expect(server.got).toHaveLength(6);
    expect(queue.depth).toBe(0);
  });

  test('lets a write of several keys wait for its turn in each, and holds up each', async () => {
    const { write, server, queue, clock } = await makeQueue();
    queue.pause();
    await write('a1');
    await write('b1');
    await write('ab', 'a', 'b', 'a');
    await write('b2');
    await write('a2');
    expect(queue.pending('b').map(({ payload }) => payload)).toEqual(['b1', 'ab', 'b2']);
    queue.resume();
    await settle();
    clock.advance(1_000);
    await settle();
    expect(server.got.slice(0, 2).sort()).toEqual(['a1', 'b1']);
    expect(server.got[2]).toBe('ab');
    expect(server.got.slice(3).sort()).toEqual(['a2', 'b2']);
  });

  test('counts a key as busy until its removal is durable, so that nothing overtakes what a crash would replay', async () => {
    const { write, server, queue, log } = await makeQueue();
    await write('a1');
    log.hold();
    await settle();
    expect(server.got).toEqual(['a1']);
    expect(queue.has('a')).toBe(true);
    log.release();
    await settle();
    expect(queue.has('a')).toBe(false);
    expect(log.records.size).toBe(0);
  });

  test('tells a log that begins anew what was acknowledged and is still to be done, no more', async () => {
    const { write, queue, log } = await makeQueue();
    const held = () => [...log.held()].map(({ id }) => Number(id));
    queue.pause();
    await write('a1');
    log.hold();
    const writing = write('b1');
    await settle();
    expect(held()).toEqual([1]);
    log.release();
    await writing;
    expect(held()).toEqual([1, 2]);
    log.hold();
    queue.resume();
    await settle();
    expect([held(), queue.depth]).toEqual([[], 2]);
    log.release();
  });

  test('does not send again what was carried out but could not be removed, and removes it later', async () => {
    const { write, server, queue, log, clock } = await makeQueue();
    await Promise.all([write('a1'), write('b1')]);
    log.fault = new Error('ENOSPC');
    for (let n = 0; n < 10; n++) {
      await settle();
      clock.advance(1_000);
    }
    await settle();
    expect(server.got).toEqual(['a1', 'b1']);
    expect(queue.depth).toBe(2);
    // Said once; tried together, once a second.
    expect(faults).toEqual([log.fault]);
    expect(log.commits).toBeLessThan(15);
    log.fault = undefined;
    clock.advance(1_000);
    await settle();
    expect([queue.depth, log.records.size, server.attempts]).toEqual([0, 0, 2]);
  });

  test('goes at a bounded rate, and what comes in meanwhile does not lengthen it', async () => {
    const { write, server, clock, queue } = await makeQueue({ replayPerSecond: 100, concurrency: 1_000 });
    queue.pause();
    await Promise.all(Array.from({ length: 300 }, (_, n) => write(`w${n}`, `k${n}`)));
    const began = clock.now();
    queue.resume();
    const run = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 10) {
        clock.advance(10);
        await settle();
      }
    };
    await run(1_000);
    const afterOne = server.got.length;
    expect(afterOne).toBeGreaterThanOrEqual(95);
    expect(afterOne).toBeLessThanOrEqual(106);
    await Promise.all(Array.from({ length: 100 }, (_, n) => write(`n${n}`, `m${n}`)));
    await run(2_100);
    expect(queue.depth).toBe(0);
    expect(clock.now() - began).toBeLessThanOrEqual(3_200);
  });

  test('goes at another rate, and within other limits, as soon as it is told', async () => {
    const { queue, clock, server, write } = await makeQueue({ replayPerSecond: 1, maxEntries: 6 });
    queue.pause();
    for (let n = 0; n < 6; n++) await write(`${n}`, `key ${n}`);
    await expect(write('one too many')).rejects.toMatchObject({ limit: '6 entries' });
    queue.resume();
    await settle();
    expect(server.got).toHaveLength(1);
    expect(() => queue.setOptions({ replayPerSecond: 0 })).toThrow(ConfigError);
    queue.setOptions({ replayPerSecond: 1_000, maxEntries: 7 });
    clock.advance(10);
    await settle();
    expect(server.got).toHaveLength(6);
    expect(queue.options).toMatchObject({ name: 'queue', replayPerSecond: 1_000, maxEntries: 7, maxAttempts: 5 });
  });

  test('keeps its name: another one is refused, and nothing has changed then', async () => {
    const { queue } = await makeQueue({ name: 'orders', maxEntries: 6 });
    expect(() => queue.setOptions({ maxEntries: 3, name: 'other' } as object)).toThrow(ConfigError);
    expect(queue.options).toMatchObject({ name: 'orders', maxEntries: 6 });
    queue.setOptions({ ...queue.options, maxEntries: 7 });
    queue.setOptions({ name: undefined } as object);
    expect(queue.options).toMatchObject({ name: 'orders', maxEntries: 7 });
  });

  test('sends one entry at a time to a server that was away, and more once one has got through', async () => {
    const { write, server, clock, queue } = await makeQueue({ concurrency: 8 });
    server.down = failing('unavailable');
    for (let n = 0; n < 20; n++) await write(`w${n}`, `k${n}`);
    await settle();
    expect(server.attempts).toBe(1);
    clock.advance(1_000);
    await settle();
    expect(server.attempts).toBe(2);
    expect(server.maxInFlight).toBe(1);
    server.down = undefined;
    queue.resume();
    await settle();
    clock.advance(1_000);
    await settle();
    expect(server.got).toHaveLength(20);
    expect(server.maxInFlight).toBeGreaterThan(1);
    expect(server.maxInFlight).toBeLessThanOrEqual(8);
  });

  test('asks less and less often while the server is away, never gives up, and goes on at once when told', async () => {
    const { write, server, clock, queue } = await makeQueue({ retryMs: 1_000, maxRetryMs: 8_000 });
    server.down = failing('unavailable');
    await write('a1');
    const at: number[] = [];
    let seen = server.attempts;
    for (let ms = 0; ms < 60_000; ms += 250) {
      clock.advance(250);
      await settle();
      if (server.attempts > seen) at.push(clock.now());
      seen = server.attempts;
    }
    const gaps = at.slice(1).map((time, index) => time - (at[index] as number));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(8_250);
    expect(gaps[0]).toBeLessThan(gaps.at(-1) as number);
    expect(at.length).toBeLessThan(20);
    server.down = undefined;
    queue.resume();
    await settle();
    expect(server.got).toEqual(['a1']);
  });

  test('tells how long each write has waited', async () => {
    const { write, server, clock, queue } = await makeQueue();
    queue.pause();
    await write('a1');
    clock.advance(400);
    await write('b1');
    clock.advance(100);
    expect(queue.ageMs).toBe(500);
    queue.resume();
    await settle();
    expect(server.ages).toEqual([500, 100]);
    expect(queue.ageMs).toBe(0);
  });

  test('waits for whoever knows how, without holding up the others', async () => {
    const { queue, server, write } = await makeQueue();
    await queue.append({ handler: 'later', keys: ['x'], payload: 'x1' });
    await write('a1');
    await settle();
    expect(server.got).toEqual(['a1']);
    expect(queue.depth).toBe(1);
    const later = new Server();
    queue.handle('later', later);
    await settle();
    expect(later.got).toEqual(['x1']);
  });

  test.each(Array.from({ length: 12 }, (_, turns) => turns))('misses nobody who knows how, come he %i turns after the writes', async (turns) => {
    const { queue } = await makeQueue();
    const late = new Server();
    await Promise.all(Array.from({ length: 5 }, (_, n) => queue.append({ handler: 'late', keys: [`k${n}`], payload: `${n}` })));
    for (let n = 0; n < turns; n++) await null;
    queue.handle('late', late);
    await settle();
    expect([late.got.sort(), queue.depth]).toEqual([['0', '1', '2', '3', '4'], 0]);
  });

  test('tells what happens, in numbers and events', async () => {
    const { queue, write, server } = await makeQueue();
    const events: string[] = [];
    for (const name of ['appended', 'delivered', 'deadLetter', 'drained', 'refused'] as const) queue.on(name, () => events.push(name));
    server.refuses.set('b1', failing('poison'));
    await write('a1');
    await write('b1');
    await settle();
    expect(events.filter((each) => each !== 'drained').sort()).toEqual(['appended', 'appended', 'deadLetter', 'delivered']);
    expect(events.at(-1)).toBe('drained');
    expect(queue.counts).toEqual({ appended: 2, delivered: 1, deadLetters: 1, refused: 0 });
  });
});

describe('poison', () => {
  test('is set aside with its error when the server refuses it, and the next of its key goes on', async () => {
    const { write, server, log, queue } = await makeQueue();
    const error = failing('poison');
    server.refuses.set('a1', error);
    await write('a1');
    await write('a2');
    await settle();
    expect(server.got).toEqual(['a2']);
    expect(log.deadLetters).toMatchObject([{ error, attempts: 0, readable: "[ 'w', 'a1' ]" }]);
    expect([queue.depth, log.records.size]).toEqual([0, 0]);
  });

  test('is what fails again and again while others get through', async () => {
    const { write, server, log, clock } = await makeQueue({ maxAttempts: 3 });
    server.refuses.set('a1', failing('retry'));
    await write('a1');
    for (let n = 0; n < 10 && log.deadLetters.length === 0; n++) {
      await write(`b${n}`);
      await settle();
      clock.advance(30_000);
      await settle();
    }
    expect(log.deadLetters).toMatchObject([{ attempts: 3 }]);
    expect(server.attempts).toBeLessThan(20);
  });

  test('is what fails again and again while the server is known to work', async () => {
    const { write, server, log, clock } = await makeQueue({ maxAttempts: 3 });
    server.refuses.set('a1', failing('retry'));
    server.healthyNow = true;
    await write('a1');
    for (let n = 0; n < 3; n++) {
      await settle();
      clock.advance(30_000);
    }
    await settle();
    expect(log.deadLetters).toHaveLength(1);
    expect(server.attempts).toBe(3);
  });

  test('is not what fails when everything fails', async () => {
    const { write, server, log, clock, queue } = await makeQueue({ maxAttempts: 2 });
    server.down = failing('retry');
    for (let n = 0; n < 10; n++) await write(`w${n}`, `k${n}`);
    for (let n = 0; n < 50; n++) {
      await settle();
      clock.advance(30_000);
    }
    expect(log.deadLetters).toEqual([]);
    // Not each entry on its own: the server is left in peace.
    expect(server.attempts).toBeLessThan(150);
    server.down = undefined;
    for (let n = 0; n < 5; n++) {
      clock.advance(30_000);
      await settle();
    }
    expect(server.got).toHaveLength(10);
    expect(queue.depth).toBe(0);
  });

  test('is what cannot be read', async () => {
    const log = new TestLog();
    log.records.set(recordId(7), { id: recordId(7), at: 0, keys: ['a'], payload: Buffer.from('garbage') });
    const { queue, server, write } = await makeQueue({}, { log });
    await write('a1');
    await settle();
    expect(server.got).toEqual(['a1']);
    expect(log.deadLetters[0]?.readable).toMatch(/^unreadable/);
    expect(queue.depth).toBe(0);
  });

  test('stays in the queue while it cannot be set aside', async () => {
    const { write, server, log, clock, queue } = await makeQueue();
    server.refuses.set('a1', failing('poison'));
    log.buryFault = new Error('ENOSPC');
    await write('a1');
    await settle();
    expect([queue.depth, log.records.size, faults.length]).toEqual([1, 1, 1]);
    log.buryFault = undefined;
    clock.advance(30_000);
    await settle();
    expect([queue.depth, log.deadLetters.length]).toEqual([0, 1]);
  });
});

describe('after a restart', () => {
  test('what was left is carried out first, in its order, with its age', async () => {
    const first = await makeQueue();
    first.queue.pause();
    for (const payload of ['a1', 'a2', 'b1']) await first.write(payload);
    first.clock.advance(700);
    const second = await makeQueue({}, { log: first.log, clock: first.clock });
    await second.write('a3');
    await settle();
    expect(second.server.got.filter((each) => each.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
    expect(second.server.ages[0]).toBe(700);
    expect(second.queue.depth).toBe(0);
  });

  test('a wall clock that was set back makes nothing negative', async () => {
    const first = await makeQueue();
    first.queue.pause();
    await first.write('a1');
    (first.log as unknown as { now: () => number }).now = () => -5_000;
    const second = await makeQueue({}, { log: first.log, clock: first.clock });
    await settle();
    expect(second.server.ages).toEqual([0]);
  });

  test('what other processes have left goes before what waits here, but never between two of which one is on its way', async () => {
    const { write, server, log, clock, queue } = await makeQueue({ adoptMs: 60_000 });
    server.hold();
    await write('a1');
    await write('a2');
    await settle();
    const payload = [...log.records.values()][0]?.payload as Uint8Array;
    log.adopt = async () => [{ id: 'slot-9/0000000000000001', at: 0, keys: ['a'], payload }];
    clock.advance(60_000);
    await settle();
    log.adopt = async () => [];
    expect(queue.pending('a').map(({ payload }) => payload)).toEqual(['a1', 'a1', 'a2']);
    server.release();
    await settle();
    expect(server.got).toEqual(['a1', 'a1', 'a2']);
  });
});

describe('the order of writes that are tried first', () => {
  test('is that of their tickets, not of their failures', async () => {
    const { queue, server } = await makeQueue();
    queue.pause();
    const [early, late] = [queue.begin(['a']), queue.begin(['a'])];
    await queue.append({ handler: 'w', keys: ['a'], payload: 'late', direct: late });
    await queue.append({ handler: 'w', keys: ['a'], payload: 'early', direct: early });
    queue.resume();
    await settle();
    expect(server.got).toEqual(['early', 'late']);
  });

  test.each(['before it failed', 'after it failed'])('a write is not queued behind a later one that went through %s', async (when) => {
    const { queue, server } = await makeQueue();
    const cause = new Error('timed out');
    const [early, late] = [queue.begin(['a', 'b']), queue.begin(['b'])];
    if (when === 'before it failed') queue.passed(late);
    const appended = queue.append({ handler: 'w', keys: ['a', 'b'], payload: 'early', direct: early, cause });
    appended.catch(() => {});
    await settle();
    // Until it is known, nothing new of its keys goes past it.
    expect(queue.has('a')).toBe(when === 'after it failed');
    if (when === 'after it failed') queue.passed(late);
    await expect(appended).rejects.toMatchObject({ code: 'EQUEUEOVERTAKEN', cause });
    await settle();
    expect([server.got, queue.depth, queue.has('a', 'b')]).toEqual([[], 0, false]);
  });

  test('a write that has failed is queued once all later ones have failed as well, in front of them', async () => {
    const { queue, server } = await makeQueue();
    queue.pause();
    const writes = ['first', 'second', 'third'].map((payload) => ({ payload, direct: queue.begin(['a']) }));
    const append = ({ payload, direct }: (typeof writes)[0]) => queue.append({ handler: 'w', keys: ['a'], payload, direct });
    const [first, second, third] = writes as [(typeof writes)[0], (typeof writes)[0], (typeof writes)[0]];
    const done: string[] = [];
    for (const each of [second, first]) void append(each).then(() => done.push(each.payload));
    await settle();
    expect(done).toEqual([]);
    // Refused for good by the server: nothing to be queued.
    third.direct.over();
    await settle();
    expect(done.sort()).toEqual(['first', 'second']);
    queue.resume();
    await settle();
    expect(server.got).toEqual(['first', 'second']);
  });

  test('what is queued is not made while an earlier write of its key is still on its way, within bounds', async () => {
    const { queue, server, write, clock } = await makeQueue();
    const early = queue.begin(['a']);
    await write('a2');
    await write('b1', 'b');
    await settle();
    expect(server.got).toEqual(['b1']);
    await queue.append({ handler: 'w', keys: ['a'], payload: 'a1', direct: early });
    await settle();
    expect(server.got).toEqual(['b1', 'a1', 'a2']);
    queue.begin(['a']);
    await write('a3');
    clock.advance(9_000);
    await settle();
    expect(server.got).toHaveLength(3);
    clock.advance(1_001);
    await settle();
    expect(server.got.at(-1)).toBe('a3');
  });
});
