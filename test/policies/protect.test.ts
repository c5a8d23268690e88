import { describe, expect, expectTypeOf, it } from 'vitest';
import { createBreaker } from '../../src/breaker/create-breaker.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { resolveOptions } from '../../src/core/options.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import { setPolicyPorts } from '../../src/policies/ports.ts';
import { isStale } from '../../src/policies/stale-cache/stale-mark.ts';
import { Protected, type ProtectOptions, protect } from '../../src/protect.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { ManualClock } from '../../src/testing.ts';
import { deferred, down, standing, turns } from './harness.ts';

const quiet = { name: 'billing', failureRatio: undefined } as const;

function failAfter(good: number) {
  let calls = 0;
  return async (id: string): Promise<{ id: string; call: number }> => {
    calls += 1;
    if (calls > good) throw down;
    return { id, call: calls };
  };
}

describe('protect', () => {
  it('has the signature of what it protects, generic functions included', () => {
    const plain = protect(async (a: number, b?: string) => `${a}${b}`, { breaker: quiet });
    expectTypeOf(plain).parameters.toEqualTypeOf<[a: number, b?: string | undefined]>();
    expectTypeOf(plain).returns.toEqualTypeOf<Promise<string>>();
    const generic = protect(async <T>(value: T): Promise<T[]> => [value], { breaker: quiet });
    expectTypeOf(generic(1)).toEqualTypeOf<Promise<number[]>>();
    const withThis = protect(
      async function (this: { rate: number }, amount: number) {
        return this.rate * amount;
      },
      { breaker: quiet },
    );
    expectTypeOf<ThisParameterType<typeof withThis>>().toEqualTypeOf<{ rate: number }>();
    function load(id: string): Promise<string>;
    function load(id: number): Promise<number>;
    async function load(id: string | number): Promise<string | number> {
      return id;
    }
    const overloaded = protect(Object.assign(load, { version: 3 }), { breaker: quiet });
    expectTypeOf(overloaded('a')).toEqualTypeOf<Promise<string>>();
    expectTypeOf(overloaded(1)).toEqualTypeOf<Promise<number>>();
    expect([overloaded.name, overloaded.length, overloaded.version]).toEqual(['load', 1, 3]);
    const thenable = protect((value: number): PromiseLike<number> => Promise.resolve(value), { breaker: quiet });
    expectTypeOf(thenable(1).then).toBeFunction();
    // @ts-expect-error a fallback must give what the function gives
    protect(async () => 1, { breaker: quiet, fallback: { value: 'text' } });
    protect(async (id: string) => id.length, { breaker: quiet, fallback: { handler: (_error, id) => id.length } });
  });

  it('takes every policy together with the breaker’s options', async () => {
    const clock = new ManualClock();
    const breaker = createBreaker(quiet, { clock });
    const call = protect(
      async (n: number) => {
        if (n < 0) throw down;
        return n;
      },
      { breaker, retry: { attempts: 2, backoffMs: 10, jitter: 'none' }, idempotent: true, fallback: { value: 0 } },
    );
    expect(await call(5)).toBe(5);
    const failing = call(-1);
    await turns();
    clock.advance(10);
    expect(await failing).toBe(0);
    expect(breaker.meters.calls('failure', false)).toBe(2);
  });

  it('makes a breaker of options with the policies among them', async () => {
    const call = protect(failAfter(0), { breaker: quiet, fallback: { handler: async (_error, id) => ({ id, call: 0 }) } });
    expect(await call('a')).toEqual({ id: 'a', call: 0 });
    const within = protect(failAfter(0), { breaker: { ...quiet, fallback: { value: { id: 'none', call: 0 } } } });
    expect(await within('a')).toEqual({ id: 'none', call: 0 });
  });

  it('lays a function’s policies over the breaker’s, which may change meanwhile', async () => {
    const clock = new ManualClock();
    const registry = createRegistry({ clock, defaults: { failureRatio: undefined, bulkhead: { limit: 1 } } });
    const breaker = registry.get('billing');
    const hanging = deferred<string>();
    const mine = protect(() => hanging.promise, { breaker, fallback: { value: 'mine' } });
    const other = protect(async () => 'other', { breaker });
    const inside = mine();
    await turns();
    // The breaker's own bulkhead is one for all of its functions.
    await expect(other()).rejects.toMatchObject({ code: 'EBULKHEADFULL' });
    expect(await mine()).toBe('mine');
    registry.replace('billing', { bulkhead: { limit: 5 } });
    expect(await other()).toBe('other');
    const second = mine();
    expect(await standing(second)).toBe('pending');
    hanging.resolve('done');
    expect(await Promise.all([inside, second])).toEqual(['done', 'done']);
    breaker.setOptions(resolveOptions({ name: 'billing', mode: 'off' }));
    expect(await other()).toBe('other');
  });

  it('gives a function with a limit of its own a place of its own, and one retry budget with all of the breaker', async () => {
    const clock = new ManualClock();
    const breaker = createBreaker({ ...quiet, retry: { attempts: 2, backoffMs: 10, budget: { ratio: 0, minPerSecond: 1 } } }, { clock });
    const hanging = () => new Promise<string>(() => undefined);
    const first = protect(hanging, { breaker, bulkhead: { limit: 1 }, idempotent: true });
    const second = protect(async () => 'second', { breaker, bulkhead: { limit: 1 }, idempotent: true });
    void first();
    expect(await second()).toBe('second');
    expect(policiesOf(breaker)?.meters.bulkhead).toEqual({ active: 1, queued: 0, limit: 2 });
    const failing = protect(() => Promise.reject(down), { breaker, idempotent: true });
    const other = protect(() => Promise.reject(down), { breaker, idempotent: true, rateLimit: { limit: 100 } });
    const results = [failing(), other()].map((each) => each.catch((error: unknown) => (error as { code: string }).code));
    await turns();
    clock.advance(100);
    // One repetition for both of them.
    expect((await Promise.all(results)).sort()).toEqual(['ECONNREFUSED', 'ERETRYEXHAUSTED']);
  });

  it('asks per call whether it is idempotent', async () => {
    const clock = new ManualClock();
    const breaker = createBreaker(quiet, { clock });
    let calls = 0;
    const call = protect(
      async (_method: string) => {
        calls += 1;
        throw down;
      },
      { breaker, retry: { attempts: 2, backoffMs: 10, jitter: 'none' }, idempotent: (method) => method === 'GET' },
    );
    await expect(call('POST')).rejects.toBe(down);
    expect(calls).toBe(1);
    const get = call('GET').catch(() => undefined);
    await turns();
    clock.advance(10);
    await get;
    expect(calls).toBe(3);
  });

  it('hands an attempt a signal that ends it with its time, and knows the caller’s among the arguments', async () => {
    const clock = new ManualClock();
    const breaker = createBreaker(quiet, { clock });
    const signals: (AbortSignal | undefined)[] = [];
    const call = protect(
      (_url: string, init: { signal?: AbortSignal } = {}) => {
        signals.push(init.signal);
        return new Promise<never>((_, reject) => {
          init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
        });
      },
      { breaker, totalTimeoutMs: 100, signal: (_url, init) => init?.signal, withSignal: ([url, init], signal) => [url, { ...init, signal }] },
    );
    const late = call('/a').catch((error: unknown) => error);
    await turns();
    clock.advance(100);
    const error = await late;
    expect(signals[0]?.reason).toBe(error);
    const controller = new AbortController();
    const given = call('/b', { signal: controller.signal }).catch((each: unknown) => each);
    await turns();
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await given).toBe(reason);
    expect(breaker.meters.calls('cancelled', false)).toBe(2);
  });

  it('gives every attempt its own time and its own signal, and repeats one that took too long', async () => {
    const clock = new ManualClock();
    const breaker = createBreaker(quiet, { clock });
    const signals: (AbortSignal | undefined)[] = [];
    const call = protect(
      (init: { signal?: AbortSignal }) => {
        signals.push(init.signal);
        return signals.length === 1 ? new Promise<never>(() => undefined) : Promise.resolve('ok');
      },
      {
        breaker,
        timeoutMs: 100,
        totalTimeoutMs: 1_000,
        retry: { attempts: 2, backoffMs: 10, jitter: 'none' },
        idempotent: true,
        withSignal: ([init], signal) => [{ ...init, signal }],
      },
    );
    const result = call({});
    await turns();
    clock.advance(100);
    await turns();
    clock.advance(10);
    expect(await result).toBe('ok');
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, false]);
    expect(signals[0]?.reason).toMatchObject({ code: 'ECALLTIMEOUT', timeoutMs: 100 });
    expect(breaker.meters.calls('failure', false)).toBe(1);
    // One for the attempts of the whole breaker; none of the call's own.
    expect(clock.pendingTimers).toBeLessThanOrEqual(1);
  });

  it('takes the time of an attempt from the breaker, too, and serves what is over it', async () => {
    const clock = new ManualClock();
    const breaker = createBreaker({ ...quiet, timeoutMs: 50, fallback: { value: 'none', when: ['timeout'] } }, { clock });
    const slow = protect(() => new Promise<string>(() => undefined), { breaker })();
    await turns();
    clock.advance(50);
    expect(await slow).toBe('none');
    expect(() => protect(async () => 1, { breaker: { ...quiet, timeoutMs: 30_000 } })).not.toThrow();
    expect(() => protect(async () => 1, { breaker, timeoutMs: 30_000 })).toThrow('timeoutMs is 30000; allowed: at most halfOpen.leaseMs (10000)');
  });

  it('keeps the last good answers by a key, and serves them marked as stale', async () => {
    const clock = new ManualClock();
    const breaker = createBreaker(quiet, { clock });
    const call = protect(failAfter(2), { breaker, fallback: { stale: { maxAgeMs: 1_000 } }, key: (id) => id });
    const fresh = await call('a');
    await call('b');
    clock.advance(500);
    const stale = await call('a');
    expect(stale).toEqual(fresh);
    expect(stale).not.toBe(fresh);
    expect([isStale(fresh), isStale(stale)]).toEqual([false, true]);
    await expect(call('c')).rejects.toBe(down);
    clock.advance(501);
    await expect(call('a')).rejects.toBe(down);
  });

  it('asks its surroundings for a store where answers are to outlive the process', async () => {
    const entries = new Map<string, unknown>();
    const before = setPolicyPorts({
      stale: (breaker, { path }) => {
        entries.set('asked', `${breaker} ${path}`);
        return { set: (key, value) => entries.set(key, value), get: (key) => (entries.has(key) ? { value: entries.get(key), ageMs: 1 } : undefined) };
      },
    });
    try {
      const call = protect(failAfter(1), { breaker: quiet, fallback: { stale: { path: './answers' } }, key: (id) => id });
      const first = await call('a');
      expect(await call('a')).toEqual(first);
      expect(entries.get('asked')).toMatch(/^billing .*source:\S+ \.\/answers$/);
    } finally {
      setPolicyPorts(before);
    }
  });

  it('keeps the answers of different functions apart, on a disk too', async () => {
    const faults: unknown[] = [];
    setFaultReporter((fault) => void faults.push(fault));
    const entries = new Map<string, unknown>();
    const before = setPolicyPorts({
      stale: (name) => ({
        set: (key, value) => entries.set(`${name} ${key}`, value),
        get: (key) => (entries.has(`${name} ${key}`) ? { value: entries.get(`${name} ${key}`), ageMs: 1 } : undefined),
      }),
    });
    try {
      let away = false;
      const breaker = createBreaker(quiet);
      const options = { breaker, key: (id: string) => id, fallback: { stale: { path: './apart' } } };
      const orDown = async <T>(value: T): Promise<T> => (away ? Promise.reject(down) : value);
      const user = protect(async (id: string) => orDown({ user: id }), options);
      const order = protect(async (id: string) => orDown({ order: id }), options);
      // Of one source: what makes them different only they know.
      const [east, west] = ['east', 'west'].map((region) => protect(async (id: string) => orDown({ id, region }), options)) as [
        (id: string) => Promise<{ id: string; region: string }>,
        (id: string) => Promise<{ id: string; region: string }>,
      ];
      await user('1');
      await east('1');
      await west('2');
      away = true;
      expect(await user('1')).toEqual({ user: '1' });
      await expect(order('1')).rejects.toBe(down);
      expect(await east('1')).toEqual({ id: '1', region: 'east' });
      await expect(west('1')).rejects.toBe(down);
      expect(await west('2')).toEqual({ id: '2', region: 'west' });
      expect(faults).toEqual([expect.objectContaining({ message: expect.stringContaining('cannot be told apart') })]);
    } finally {
      setPolicyPorts(before);
      setFaultReporter(undefined);
    }
  });

  it('tells the key of a method whose it is', async () => {
    const shared = createBreaker(quiet);
    class Shop {
      away = false;
      constructor(readonly tenant: string) {}
      async load(id: string): Promise<string> {
        if (this.away) throw down;
        return `${id} of ${this.tenant}`;
      }
    }
    function byTenant(this: Shop, id: string): string {
      return `${this.tenant} ${id}`;
    }
    const find = protect(Shop.prototype.load, { breaker: shared, key: byTenant, fallback: { stale: {} } });
    const [ada, bob] = [new Shop('ada'), new Shop('bob')];
    await find.call(ada, '1');
    ada.away = bob.away = true;
    expect(await find.call(ada, '1')).toBe('1 of ada');
    await expect(find.call(bob, '1')).rejects.toBe(down);
  });

  it('takes what throws among the functions that it asks for silent, and says so', async () => {
    const faults: [unknown, string][] = [];
    setFaultReporter((fault, where) => void faults.push([fault, where]));
    try {
      const bug = new TypeError('a bug of the program');
      const throwing = (): never => {
        throw bug;
      };
      const call = protect(failAfter(1), {
        breaker: quiet,
        retry: { attempts: 2, backoffMs: 1 },
        totalTimeoutMs: 1_000,
        fallback: { stale: {} },
        idempotent: throwing,
        key: throwing,
        signal: throwing,
        withSignal: throwing,
      });
      expect(await call('a')).toEqual({ id: 'a', call: 1 });
      await expect(call('a')).rejects.toBe(down);
      expect(new Set(faults.map(([, where]) => where))).toEqual(new Set(['signal', 'the cache of last good answers', 'withSignal', 'idempotent']));
    } finally {
      setFaultReporter(undefined);
    }
  });

  it('serves the empty result that it is told', async () => {
    const list = protect(() => Promise.reject<string[]>(down), { breaker: quiet, operation: 'read', fallback: { empty: () => [] } });
    expect(await list()).toEqual([]);
    const breaker = createBreaker(quiet);
    const asked = protect(async () => ['real'], { breaker, operation: 'read', fallback: { empty: () => [] } });
    breaker.degraded = 'empty';
    expect(await asked()).toEqual([]);
  });

  it('refuses writes in read-only mode, and takes what nobody has said to be a read for one', async () => {
    const breaker = createBreaker({ ...quiet, degraded: 'read-only' });
    await expect(protect(async () => 1, { breaker })()).rejects.toMatchObject({ code: 'EREADONLYMODE' });
    expect(await protect(async () => 1, { breaker, operation: 'read' })()).toBe(1);
  });

  it.each<[string, Omit<ProtectOptions<[string], unknown>, 'breaker'>, string]>([
    ['retry that does not know whether it may', { retry: {} }, 'idempotent'],
    ['stale answers without a key', { fallback: { stale: {} } }, 'key'],
    ['stale answers on a disk that is not there', { fallback: { stale: { path: 'x' } }, key: () => 'k' }, 'fallback.stale.path'],
    ['a total time under one attempt’s', { timeoutMs: 500, totalTimeoutMs: 100 }, 'totalTimeoutMs'],
    [
      'a total time in which nothing that took too long could be repeated',
      { timeoutMs: 500, totalTimeoutMs: 550, retry: { jitter: 'none', attempts: 2 }, idempotent: true },
      'totalTimeoutMs',
    ],
    ['a bulkhead without a limit', { bulkhead: {} }, 'bulkhead.limit'],
    ['an option that there is not', { fallback: { valeu: 1 } as never }, 'fallback.valeu'],
  ])('refuses %s, over a breaker and with options for one', (_what, options, path) => {
    for (const breaker of [createBreaker(quiet), quiet]) {
      const make = () => protect(async (_id: string): Promise<unknown> => 1, { breaker, ...options });
      expect(make).toThrow(ConfigError);
      expect(make).toThrow(path);
    }
  });

  it('is free of promises that nobody handles, whatever fails', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const clock = new ManualClock();
      const breaker = createBreaker(quiet, { clock });
      const late = deferred<string>();
      const call = protect(() => late.promise, {
        breaker,
        totalTimeoutMs: 10,
        bulkhead: { limit: 1, queue: 1 },
        retry: { attempts: 2 },
        idempotent: true,
      });
      const calls = [call(), call(), call()].map((each) => each.catch(() => undefined));
      await turns();
      clock.advance(10);
      late.reject(down);
      await turns();
      clock.advance(10_000);
      await Promise.all(calls);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('waits for what is slow without a policy, too', async () => {
    expect(await standing(protect(() => new Promise<never>(() => undefined), { breaker: quiet })())).toBe('pending');
  });
});

describe('the decorator', () => {
  it('takes policies as well', async () => {
    const context = { kind: 'method', name: 'charge' } as unknown as ClassMethodDecoratorContext<never, never>;
    const decorate = Protected({ breaker: quiet, fallback: { value: 'none' } });
    const charge = decorate(async function charge(_amount: number): Promise<string> {
      throw down;
    }, context as never);
    expect(await charge.call(undefined as never, 5)).toBe('none');
  });

  it('leaves a method its signature, generic ones too', async () => {
    const context = { kind: 'method', name: 'same' } as never;
    const same = Protected({ breaker: quiet })(async <T>(value: T): Promise<T> => value, context);
    expectTypeOf(same(1 as const)).toEqualTypeOf<Promise<1>>();
    expect(await same('a')).toBe('a');
  });
});
