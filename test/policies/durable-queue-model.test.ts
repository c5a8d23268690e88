import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FaultReporter, setFaultReporter } from '../../src/core/fault.ts';
import { KeyChains, type QueueEntry } from '../../src/policies/durable-queue/key-chains.ts';
import { Pace } from '../../src/policies/durable-queue/pace.ts';
import { ManualClock } from '../../src/testing.ts';
import { failing, makeQueue, Server, settle, TestLog } from './durable-queue-harness.ts';

// Full disks are reported, as they should be.
let reporter: FaultReporter;
beforeAll(() => {
  reporter = setFaultReporter(() => {});
});
afterAll(() => void setFaultReporter(reporter));

const keysOf = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 });
const chainOp = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('add' as const), keys: keysOf, order: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('send' as const, 'sent' as const, 'remove' as const), pick: fc.nat(20) }) },
);

function entryOf(order: number, keys: readonly string[]): QueueEntry {
  const record = { id: String(order), at: 0, keys, payload: new Uint8Array() };
  return { record, order, since: 0, state: 'waiting', attempts: 0, successesSeen: 0 };
}

describe('the chains of keys', () => {
  test('agree with one list in the order of writing, searched from its beginning', () => {
    fc.assert(
      fc.property(fc.array(chainOp, { maxLength: 40 }), (ops) => {
        const chains = new KeyChains();
        let naive: QueueEntry[] = [];
        const touching = (entry: QueueEntry, key: string) => entry.record.keys.includes(key);
        const next = (entry: QueueEntry) =>
          !naive.some(
            (other) =>
              other !== entry && other.state !== 'sent' && other.order < entry.order && entry.record.keys.some((key) => touching(other, key)),
          );
        for (const each of ops) {
          if (each.op === 'add') {
            if (naive.some(({ order }) => order === each.order)) continue;
            const entry = entryOf(each.order, each.keys);
            const overtaken = naive.some(
              ({ state, order, record }) =>
                (state === 'sent' || state === 'sending') && order > each.order && each.keys.some((key) => record.keys.includes(key)),
            );
            expect(chains.add(entry)).toBe(!overtaken);
            if (!overtaken) naive = [...naive, entry].sort((a, b) => a.order - b.order);
          } else if (each.op === 'send') {
            const ready = naive.filter((entry) => entry.state === 'waiting' && chains.isNext(entry));
            const entry = ready[each.pick % Math.max(1, ready.length)];
            if (entry) entry.state = 'sending';
          } else if (each.op === 'sent') {
            const entry = naive.filter(({ state }) => state === 'sending')[each.pick % 3];
            if (entry) for (const other of chains.sent(entry)) expect([other.state, next(other)]).toEqual(['waiting', true]);
          } else {
            const entry = naive.filter(({ state }) => state === 'sent' || state === 'waiting')[each.pick % 5];
            if (!entry) continue;
            naive = naive.filter((other) => other !== entry);
            for (const other of chains.remove(entry)) expect([other.state, next(other)]).toEqual(['waiting', true]);
          }
          expect(chains.size).toBe(naive.length);
          for (const entry of naive) if (entry.state === 'waiting') expect(chains.isNext(entry)).toBe(next(entry));
          for (const key of ['a', 'b', 'c']) expect(chains.has(key)).toBe(naive.some((entry) => touching(entry, key)));
        }
      }),
    );
  });
});

describe('the pace', () => {
  test('never lets through more than the rate and one handful, and never much less', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 50 }),
        (perSecond, steps) => {
          const clock = new ManualClock();
          const pace = new Pace(clock, perSecond);
          let taken = 0;
          for (const ms of steps) {
            clock.advance(ms);
            for (let wait = pace.take(); wait === 0; wait = pace.take()) taken++;
            expect(taken).toBeLessThanOrEqual((clock.now() / 1_000) * perSecond + Math.max(1, perSecond / 20) + 0.001);
          }
          // Asked when it says, it gives.
          for (let n = 0; n < 20; n++) {
            clock.advance(pace.take());
            expect(pace.take()).toBe(0);
          }
        },
      ),
    );
  });
});

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant('write' as const), keys: keysOf }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 5_000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constantFrom('down' as const, 'up' as const, 'crash' as const, 'full' as const, 'room' as const, 'poison' as const),
    }),
  },
);

describe('a queue through outages, full disks and crashes', () => {
  test('loses nothing that was acknowledged, keeps the order by key, and ends empty', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new ManualClock(1_000);
        const log = new TestLog(() => clock.now());
        const server = new Server();
        const acknowledged: string[] = [];
        const poisoned = new Set<string>();
        let current = await makeQueue({ concurrency: 3 }, { log, clock, server });
        let n = 0;
        for (const each of steps) {
          if (each.op === 'write') {
            const payload = `${each.keys.join('')}:${String(n++).padStart(3, '0')}`;
            await current.write(payload, ...each.keys).then(
              () => acknowledged.push(payload),
              () => {},
            );
          } else if (each.op === 'advance') clock.advance(each.ms);
          else if (each.op === 'down') server.down = failing('unavailable');
          else if (each.op === 'up') server.down = undefined;
          else if (each.op === 'full') log.fault = new Error('ENOSPC');
          else if (each.op === 'room') log.fault = undefined;
          else if (each.op === 'poison') {
            const payload = `a:${String(n++).padStart(3, '0')}`;
            server.refuses.set(payload, failing('poison'));
            await current.write(payload, 'a').then(
              () => poisoned.add(payload),
              () => {},
            );
          } else {
            // The old one is never heard of again; what it had under way may still arrive.
            await settle();
            current.queue.pause();
            current = await makeQueue({ concurrency: 3 }, { log, clock, server });
          }
          if (each.op !== 'write') await settle();
        }
        server.down = undefined;
        log.fault = undefined;
        current.queue.resume();
        for (let turn = 0; turn < 6; turn++) {
          await settle();
          clock.advance(30_000);
        }
        await settle();
        expect(current.queue.depth).toBe(0);
        expect(log.records.size).toBe(0);
        expect(acknowledged.filter((payload) => !server.got.includes(payload))).toEqual([]);
        expect(new Set(log.deadLetters.map(({ readable }) => readable))).toEqual(new Set([...poisoned].map((payload) => `[ 'w', '${payload}' ]`)));
        for (const key of ['a', 'b', 'c']) {
          // Repeated only as a whole tail: first arrivals are in order, and the last is the last written.
          const got = server.got.filter((payload) => payload.split(':')[0]?.includes(key));
          const first = [...new Set(got)];
          const inOrder = [...first].sort((a, b) => a.slice(-3).localeCompare(b.slice(-3)));
          expect(first).toEqual(inOrder);
          expect(got.at(-1)).toBe(inOrder.at(-1));
        }
      }),
      { numRuns: 60 },
    );
  });
});
