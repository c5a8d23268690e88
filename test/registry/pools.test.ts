import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type PoolReading, Pools, type ReadPool } from '../../src/registry/pools.ts';

const reading: PoolReading = { used: 1, idle: 2, limit: 3, waiting: 4 };
const here: ReadPool = () => reading;
const names = (pools: Pools) => [...pools.read()].map(([{ name }]) => name);

describe('the pools of a registry', () => {
  it('have a name each, by server and database and a number from the second on', () => {
    const pools = new Pools();
    for (let at = 0; at < 3; at += 1) pools.add('postgresql://a/shop', { system: 'postgresql' }, here);
    pools.add('postgresql://a/other', {}, here);
    expect(names(pools)).toEqual(['postgresql://a/shop', 'postgresql://a/shop 2', 'postgresql://a/shop 3', 'postgresql://a/other']);
    expect([...pools.read()][0]?.[1]).toEqual(reading);
  });

  it('leave when they are removed, or when their reading says that they are gone, and their place is taken by the next', () => {
    const pools = new Pools();
    let gone = false;
    const first = pools.add('a', {}, here);
    pools.add('a', {}, () => (gone ? undefined : reading));
    pools.remove(first, here);
    expect(names(pools)).toEqual(['a 2']);
    gone = true;
    expect(names(pools)).toEqual([]);
    expect(pools.add('a', {}, here)).toBe(first);
  });

  it('count on in the place that they take, so that a pool for each request does not lose what the one before has counted', () => {
    const pools = new Pools();
    const seat = pools.add('a', {}, here);
    pools.timedOut(seat, reading);
    pools.remove(seat, here);
    expect(pools.add('a', {}, () => reading).timeouts).toBe(1);
  });

  it('share one place when a database has too many, and another when all have', () => {
    const pools = new Pools(20);
    for (let at = 0; at < 20; at += 1) pools.add('a', {}, () => reading);
    const shared = [...pools.read()].find(([{ name }]) => name === 'a _other');
    expect(names(pools)).toHaveLength(17);
    expect(shared?.[1]).toEqual({ used: 4, idle: 8, limit: 12, waiting: 16 });
    for (const base of ['b', 'c', 'd', 'e', 'f']) pools.add(base, {}, () => reading);
    expect(names(pools).slice(17)).toEqual(['b', 'c', 'd', '_other']);
    expect([...pools.read()].at(-1)?.[1].limit).toBe(6);
  });

  it('make room for others when they are gone', () => {
    const pools = new Pools(2);
    const seats = ['a', 'b'].map((base) => [pools.add(base, {}, here), here] as const);
    for (const [seat, read] of seats) pools.remove(seat, read);
    pools.add('c', {}, here);
    expect(names(pools)).toEqual(['c']);
  });

  it('are not kept alive, nor anything of them when nobody reads', { timeout: 30_000 }, async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const pools = new Pools();
    const heap = async () => {
      for (let round = 0; round < 4; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        gc();
      }
      return process.memoryUsage().heapUsed;
    };
    const add = async (count: number) => {
      for (let at = 0; at < count; at += 1) {
        const pool = new WeakRef({ big: new Array(1_000).fill(at) });
        pools.add('a', {}, () => (pool.deref() === undefined ? undefined : reading));
        if (at % 500 === 0) await heap();
      }
    };
    await add(1_000);
    const before = await heap();
    await add(4_000);
    expect((await heap()) - before).toBeLessThan(500_000);
    expect(names(pools)).toEqual([]);
  });

  it('tell of a call that gave up waiting in its own context, and a fault of who hears it changes nothing', () => {
    const pools = new Pools();
    const seat = pools.add('a', {}, here);
    pools.setTracer(() => {
      throw new Error('a fault of the tracer');
    });
    const warnings: unknown[] = [];
    const emit = process.emitWarning;
    process.emitWarning = ((message: unknown) => warnings.push(message)) as typeof process.emitWarning;
    try {
      pools.timedOut(seat, reading);
    } finally {
      process.emitWarning = emit;
    }
    expect(seat.timeouts).toBe(1);
    expect(warnings).toHaveLength(1);
  });
});
