import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StorageError } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { MemoryQueueLog } from '../../src/policies/durable-queue/memory-queue-log.ts';
import { type QueueLog, type QueueRecord, recordId } from '../../src/policies/durable-queue/queue-log.ts';
import { readDeadLetters } from '../../src/storage/dead-letters.ts';
import { queueLog } from '../../src/storage/level-queue-log.ts';
import { ManualClock } from '../../src/testing.ts';

let folder: string;
const open: QueueLog[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'otel-breaker-queue-'));
});
afterEach(async () => {
  for (const log of open.splice(0)) await log.close();
  await rm(folder, { recursive: true, force: true });
});

const record = (order: number, text = `payload ${order}`): QueueRecord => ({
  id: recordId(order),
  at: 1_000 + order,
  keys: ['a', `k${order}`],
  payload: Uint8Array.from(Buffer.from(text)),
});

/** One store, opened again and again. */
interface Made {
  open(held?: () => Iterable<QueueRecord>): Promise<{ log: QueueLog; found: readonly QueueRecord[] }>;
}

const made: Record<string, () => Made> = {
  memory: () => {
    const log = new MemoryQueueLog();
    return { open: async () => ({ log, found: await log.open() }) };
  },
  disk: () => ({
    open: async (held = () => []) => {
      const log = await queueLog(join(folder, 'queue'));
      open.push(log);
      return { log, found: await log.open(held) };
    },
  }),
};

describe.each(Object.keys(made))('a queue log in %s', (kind) => {
  test('has after a restart what was committed, in order, and nothing else', async () => {
    const store = (made[kind] as () => Made)();
    const { log, found } = await store.open();
    expect(found).toEqual([]);
    await log.commit({ append: [record(2), record(1)], remove: [] });
    await log.commit({ append: [record(10), record(9)], remove: [recordId(1)] });
    await log.commit({ append: [], remove: [recordId(9), recordId(77)] });
    await log.close();
    expect((await store.open()).found).toEqual([record(2), record(10)]);
  });

  test('keeps every byte', async () => {
    const store = (made[kind] as () => Made)();
    const { log } = await store.open();
    const every = { ...record(1), payload: Uint8Array.from({ length: 70_000 }, (_, n) => n % 256), keys: ['', '\ud800', 'é\n\0'] };
    await log.commit({ append: [every], remove: [] });
    await log.close();
    expect((await store.open()).found).toEqual([every]);
  });

  test('sets entries aside without removing them', async () => {
    const store = (made[kind] as () => Made)();
    const { log } = await store.open();
    await log.commit({ append: [record(1)], remove: [] });
    await log.bury({ record: record(1), error: new Error('WRONGTYPE'), attempts: 1, readable: 'SET a' });
    await log.close();
    expect((await store.open()).found).toEqual([record(1)]);
  });
});

describe('a queue log on disk', () => {
  const disk = () => (made['disk'] as () => Made)();

  test('makes its folder, for its own user alone', async () => {
    await disk().open();
    expect((await stat(join(folder, 'queue'))).mode & 0o777).toBe(0o700);
  });

  test('gives each process a database of its own, and the next one what an ended one has left', async () => {
    const [first, second] = [await disk().open(), await disk().open()];
    await first.log.commit({ append: [record(1, 'of the first')], remove: [] });
    await second.log.commit({ append: [record(1, 'of the second'), record(2)], remove: [] });
    const third = await disk().open();
    expect(third.found).toEqual([]);
    await second.log.close();
    expect((await third.log.adopt()).map(({ id }) => id)).toEqual([`slot-1/${recordId(1)}`, `slot-1/${recordId(2)}`]);
    expect(await third.log.adopt()).toEqual([]);
    await third.log.commit({ append: [record(5)], remove: [`slot-1/${recordId(1)}`] });
    await third.log.commit({ append: [], remove: [`slot-1/${recordId(2)}`] });
    // It is empty, and free.
    const level = new ClassicLevel(join(folder, 'queue', 'slot-1'));
    expect(await level.keys().all()).toEqual([]);
    await level.close();
    await third.log.close();
    await first.log.close();
    // Whoever comes next has both: as its own what lies in the first slot, and that of the other.
    const next = await disk().open();
    expect(next.found.map(({ id, payload }) => [id, Buffer.from(payload).toString()])).toEqual([
      [`slot-2/${recordId(5)}`, 'payload 5'],
      [recordId(1), 'of the first'],
    ]);
  });

  test('takes over the writes of ended processes by time, and those of one process in its own order, whatever its clock said', async () => {
    const [first, second, third] = [await disk().open(), await disk().open(), await disk().open()];
    // The first was tried before it was queued, while the other one came in behind it.
    await second.log.commit({
      append: [
        { ...record(1), at: 1_020 },
        { ...record(2), at: 1_010 },
      ],
      remove: [],
    });
    await third.log.commit({
      append: [
        { ...record(1), at: 1_015 },
        { ...record(2), at: 1_030 },
      ],
      remove: [],
    });
    await second.log.close();
    await third.log.close();
    expect((await first.log.adopt()).map(({ id }) => id)).toEqual([
      `slot-2/${recordId(1)}`,
      `slot-1/${recordId(1)}`,
      `slot-1/${recordId(2)}`,
      `slot-2/${recordId(2)}`,
    ]);
  });

  test('writes dead letters that people and programs can read', async () => {
    const { log } = await disk().open();
    const error = Object.assign(new Error('WRONGTYPE Operation'), { name: 'ReplyError' });
    await log.bury({ record: record(1), error, attempts: 2, readable: 'SET a' });
    await log.bury({ record: record(2), error: 'text', attempts: 1, readable: 'SET b' });
    const path = join(folder, 'queue', 'dead-letters-slot-0.jsonl');
    await writeFile(path, `${await readFile(path, 'utf8')}{"cut sho`);
    const letters = await readDeadLetters(join(folder, 'queue'));
    expect(letters).toMatchObject([
      { id: recordId(1), keys: ['a', 'k1'], attempts: 2, error: { type: 'ReplyError', message: 'WRONGTYPE Operation' }, write: 'SET a' },
      { id: recordId(2), error: { type: 'string', message: 'text' } },
    ]);
    expect(Buffer.from(letters[0]?.payload ?? '', 'base64').toString()).toBe('payload 1');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('says what is wrong with a path that cannot be used', async () => {
    await writeFile(join(folder, 'file'), '');
    const log = await queueLog(join(folder, 'file', 'queue'));
    const error = await log.open(() => []).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ code: 'ESTORAGE', path: join(folder, 'file', 'queue') });
    expect(error.message).toMatch(/cannot be opened: ENOTDIR/);
  });

  test('tells the writer when its folder has gone, and begins anew with what it should hold', async () => {
    const clock = new ManualClock();
    const log = await queueLog(join(folder, 'queue'), { clock });
    open.push(log);
    const held = [record(1), record(2)];
    await log.open(() => held);
    await log.commit({ append: held, remove: [] });
    await rename(join(folder, 'queue'), join(folder, 'moved'));
    await expect(log.commit({ append: [record(3)], remove: [] })).rejects.toThrow(StorageError);
    // At once the same again: opening has a price.
    await expect(log.commit({ append: [record(3)], remove: [] })).rejects.toThrow('ENOENT');
    await expect(stat(join(folder, 'queue'))).rejects.toThrow('ENOENT');
    clock.advance(1_000);
    await log.commit({ append: [record(4)], remove: [recordId(1)] });
    await log.close();
    expect((await disk().open()).found).toEqual([record(2), record(4)]);
  });

  test('holds nothing that a writer was told is not there, once it could be opened again', async () => {
    const clock = new ManualClock();
    const log = await queueLog(join(folder, 'queue'), { clock });
    open.push(log);
    const held = [record(1)];
    await log.open(() => held);
    await log.commit({ append: held, remove: [] });
    // Written, but nobody can tell: its sign of life is gone for a moment.
    const current = join(folder, 'queue', 'slot-0', 'CURRENT');
    await rename(current, `${current}.away`);
    await expect(log.commit({ append: [record(2)], remove: [] })).rejects.toThrow(StorageError);
    await rename(`${current}.away`, current);
    clock.advance(1_000);
    await log.commit({ append: [record(3)], remove: [] });
    await log.close();
    expect((await disk().open()).found).toEqual([record(1), record(3)]);
  });

  test('hands on a record that it cannot read, rather than lose it in silence', async () => {
    const { log } = await disk().open();
    await log.commit({ append: [record(1)], remove: [] });
    await log.close();
    const level = new ClassicLevel<string, Buffer>(join(folder, 'queue', 'slot-0'), { valueEncoding: 'buffer' });
    await level.put(recordId(1), Buffer.from('garbage'));
    await level.close();
    const { found } = await disk().open();
    expect(found).toMatchObject([{ id: recordId(1), keys: [`unreadable ${recordId(1)}`] }]);
    expect(Buffer.from(found[0]?.payload ?? []).toString()).toBe('garbage');
  });

  describe('whose files are damaged', () => {
    const faults: string[] = [];
    beforeEach(() => void setFaultReporter((error, where) => void faults.push(`${where} ${(error as Error).message}`)));
    afterEach(() => {
      setFaultReporter(undefined);
      faults.length = 0;
    });
    const slot = (): string => join(folder, 'queue', 'slot-0');
    const files = (like: RegExp): string[] =>
      readdirSync(slot())
        .filter((name) => like.test(name))
        .map((name) => join(slot(), name));

    test.each<[string, () => void]>([
      ['begins with garbage', () => writeFileSync(join(slot(), 'CURRENT'), 'garbage')],
      ['misses one of its files', () => rmSync(files(/^MANIFEST/)[0] as string)],
      ['has one of zeroes', () => writeFileSync(files(/^MANIFEST/)[0] as string, Buffer.alloc(100))],
    ])('is read as far as it can be, if it %s', async (_, damage) => {
      const { log } = await disk().open();
      await log.commit({ append: [record(1), record(2)], remove: [] });
      await log.close();
      damage();
      const again = await disk().open();
      expect(again.found).toEqual([record(1), record(2)]);
      await again.log.commit({ append: [record(3)], remove: [again.found[0]?.id as string] });
      await again.log.close();
      expect((await disk().open()).found).toEqual([record(2), record(3)]);
      expect(faults).toEqual([expect.stringContaining('slot-0 was damaged')]);
    });

    test('is set aside, and keeps nobody from queueing, if nothing of it makes sense', async () => {
      const { log } = await disk().open();
      await log.commit({ append: [record(1)], remove: [] });
      await log.close();
      for (const file of files(/./)) writeFileSync(file, Buffer.alloc(statSync(file).size));
      const again = await disk().open();
      expect(again.found).toEqual([]);
      await again.log.commit({ append: [record(2)], remove: [] });
      expect(faults).toEqual([expect.stringContaining('slot-0 was damaged')]);
    });

    test('says so, if entries in the middle of it are gone', async () => {
      const { log } = await disk().open();
      for (let n = 1; n <= 20; n += 1) await log.commit({ append: [record(n)], remove: [] });
      await log.close();
      const [file] = files(/\.log$/) as [string];
      const bytes = readFileSync(file);
      bytes.writeUInt8(bytes.readUInt8(bytes.byteLength >> 1) ^ 255, bytes.byteLength >> 1);
      writeFileSync(file, bytes);
      expect((await disk().open()).found.length).toBeLessThan(20);
      expect(faults).toEqual([expect.stringMatching(/slot-0: queued writes may be lost \d+ bytes/)]);
    });
  });
});
