import { isWrapped } from '@opentelemetry/instrumentation';
import { afterEach, describe, expect, it } from 'vitest';
import { type Guard, goOn, guardMethod } from '../../../instrumentations/shared/guard.ts';
import { BreakerOpenError } from '../../../src/core/errors.ts';
import { setFaultReporter } from '../../../src/core/fault.ts';

interface Shimmed {
  (...args: unknown[]): unknown;
  __original?: Shimmed;
  __unwrap?: () => void;
  __wrapped?: boolean;
}
type Owner = { send: Shimmed };

/** As OpenTelemetry's shimmer and instrumentations do it: `if (isWrapped(fn)) unwrap(fn)`, then wrap. */
function enableOpenTelemetry(owner: Owner, spans: string[], name = 'span'): void {
  if (isWrapped(owner.send)) owner.send.__unwrap?.();
  const original = owner.send;
  const wrapped: Shimmed = function (this: unknown, ...args) {
    spans.push(name);
    return original.apply(this, args);
  };
  Object.defineProperty(wrapped, '__original', { value: original, configurable: true, writable: true });
  Object.defineProperty(wrapped, '__wrapped', { value: true, configurable: true, writable: true });
  Object.defineProperty(wrapped, '__unwrap', {
    configurable: true,
    writable: true,
    value: () => {
      if (owner.send === wrapped) Object.defineProperty(owner, 'send', { value: original, configurable: true, writable: true });
    },
  });
  Object.defineProperty(owner, 'send', { value: wrapped, configurable: true, writable: true });
}

function disableOpenTelemetry(owner: Owner): void {
  owner.send.__unwrap?.();
}

function fixture() {
  class Client {
    send(word: unknown, _more?: unknown): unknown {
      if (word === 'throw') throw new Error('its own');
      return [this, word];
    }
  }
  const owner = Client.prototype as unknown as Owner;
  const spans: string[] = [];
  const admissions: unknown[] = [];
  const guard = (): Guard =>
    guardMethod(owner, 'send', (original, self, args) => {
      admissions.push(args[0]);
      if (args[0] === 'refuse') return 'refused';
      return original(self, args);
    });
  /** One call through the prototype: how many admissions and spans it made. */
  const call = (word: unknown = 'x') => {
    spans.length = 0;
    admissions.length = 0;
    const result = (new Client() as unknown as Owner).send(word);
    return { result, spans: spans.length, admissions: admissions.length };
  };
  return { owner, spans, guard, call, original: owner.send };
}

describe('a guarded method', () => {
  it('is called with the caller’s this and arguments, and answers what the original answers', () => {
    const { owner, guard } = fixture();
    guard();
    const self = {};
    expect(owner.send.call(self, 'word')).toEqual([self, 'word']);
  });

  it('looks like the original', () => {
    const { owner, guard, original } = fixture();
    Object.assign(original, { extra: 1 });
    guard();
    expect(owner.send).not.toBe(original);
    expect(owner.send.name).toBe('send');
    expect(owner.send.length).toBe(original.length);
    expect(Object.keys(owner.send)).toEqual(['extra']);
    expect(Object.getPrototypeOf(owner.send)).toBe(Object.getPrototypeOf(original));
    expect(Object.hasOwn(owner.send, 'prototype')).toBe(false);
    expect(Object.getOwnPropertyDescriptor(owner, 'send')).toMatchObject({ enumerable: false, configurable: true, writable: true });
    expect(isWrapped(owner.send)).toBe(false);
  });

  it('is guarded once, whoever asks, and can be guarded again after removal', () => {
    const { guard, call, owner, original } = fixture();
    const first = guard();
    const second = guard();
    expect([first.active, second.active]).toEqual([true, false]);
    expect(call().admissions).toBe(1);
    second.remove();
    expect(call().admissions).toBe(1);
    first.remove();
    expect(owner.send).toBe(original);
    guard();
    expect(call().admissions).toBe(1);
  });

  it('is restored exactly on removal, an inherited method by deleting the override', () => {
    const { owner, guard, original } = fixture();
    guard().remove();
    expect(owner.send).toBe(original);
    expect(Reflect.ownKeys(owner)).toEqual(['constructor', 'send']);
    const heir = Object.create(owner) as Owner;
    const inherited = guardMethod(heir, 'send', (next, self, args) => next(self, args));
    expect(Object.hasOwn(heir, 'send')).toBe(true);
    inherited.remove();
    expect(Reflect.ownKeys(heir)).toEqual([]);
    expect(heir.send).toBe(original);
  });
});

describe('a guard beside OpenTelemetry', () => {
  for (const order of ['before', 'after'] as const) {
    it(`enabled ${order} it: one admission, one span, and no span for a refusal`, () => {
      const { owner, spans, guard, call } = fixture();
      if (order === 'before') guard();
      enableOpenTelemetry(owner, spans);
      if (order === 'after') guard();
      for (const _ of [1, 2, 3]) expect(call()).toMatchObject({ spans: 1, admissions: 1 });
      expect(call('refuse')).toEqual({ result: 'refused', spans: 0, admissions: 1 });
    });

    it(`enabled ${order} it: survives its being disabled and enabled again, and any number of times`, () => {
      const { owner, spans, guard, call } = fixture();
      if (order === 'before') guard();
      enableOpenTelemetry(owner, spans);
      if (order === 'after') guard();
      for (let round = 0; round < 50; round += 1) {
        if (round % 3 !== 0) call();
        disableOpenTelemetry(owner);
        expect(call()).toMatchObject({ spans: 0, admissions: 1 });
        enableOpenTelemetry(owner, spans);
        expect(call()).toMatchObject({ spans: 1, admissions: 1 });
      }
    });

    it(`enabled ${order} it: a second enabling replaces its spans and does not double them`, () => {
      const { owner, spans, guard, call } = fixture();
      if (order === 'before') guard();
      enableOpenTelemetry(owner, spans);
      if (order === 'after') guard();
      call();
      enableOpenTelemetry(owner, spans);
      expect(call()).toMatchObject({ spans: 1, admissions: 1 });
    });

    for (const called of [true, false]) {
      it(`enabled ${order} it${called ? ', in use' : ''}: both removed, the original function is back, whoever goes first`, () => {
        for (const first of ['guard', 'otel'] as const) {
          const { owner, spans, guard, call, original } = fixture();
          let made: Guard | undefined;
          if (order === 'before') made = guard();
          enableOpenTelemetry(owner, spans);
          if (order === 'after') made = guard();
          if (called) call();
          if (first === 'guard') made?.remove();
          else disableOpenTelemetry(owner);
          expect(call()).toMatchObject(first === 'guard' ? { spans: 1, admissions: 0 } : { spans: 0, admissions: 1 });
          if (first === 'guard') disableOpenTelemetry(owner);
          else made?.remove();
          expect(owner.send).toBe(original);
        }
      });
    }
  }

  it('guards on when somebody restores a function he had kept', () => {
    const { owner, spans, guard, call } = fixture();
    guard();
    const kept = owner.send;
    enableOpenTelemetry(owner, spans);
    call();
    owner.send = kept;
    expect(call()).toMatchObject({ spans: 0, admissions: 1 });
    enableOpenTelemetry(owner, spans);
    expect(call()).toMatchObject({ spans: 1, admissions: 1 });
  });

  it('does not play leapfrog for ever with another that promotes itself', () => {
    const { owner, guard, call } = fixture();
    guard();
    const climb = (): void => {
      const below = owner.send;
      owner.send = function (this: unknown, ...args) {
        return below.apply(this, args);
      };
    };
    for (let round = 0; round < 100; round += 1) {
      climb();
      expect(call().admissions).toBe(1);
    }
  });
});

describe('a fault in a guard', () => {
  const faults: unknown[] = [];
  const before = setFaultReporter(undefined);
  afterEach(() => {
    faults.length = 0;
    setFaultReporter(before);
  });

  const guarded = (around: Parameters<typeof guardMethod>[2]) => {
    setFaultReporter((error) => faults.push(error));
    let calls = 0;
    const owner = {
      send(word: string): string {
        calls += 1;
        if (word === 'throw') throw new RangeError('its own');
        return word;
      },
    };
    guardMethod(owner, 'send', around);
    return { owner, calls: () => calls };
  };

  it('before the original is called: the original is called', () => {
    const { owner, calls } = guarded(() => {
      throw new Error('ours');
    });
    expect(owner.send('x')).toBe('x');
    expect(calls()).toBe(1);
    expect(faults).toHaveLength(1);
  });

  it('after the original was called: its result stands, and it is not called again', () => {
    const { owner, calls } = guarded((original, self, args) => {
      original(self, args);
      throw new Error('ours');
    });
    expect(owner.send('x')).toBe('x');
    expect(() => owner.send('throw')).toThrow('its own');
    expect(calls()).toBe(2);
    expect(faults).toHaveLength(1);
  });

  it('is not what the original throws, nor what a breaker refuses with', () => {
    const { owner } = guarded((original, self, args) => {
      if (args[0] === 'refuse') throw BreakerOpenError.of({ breaker: 'b', state: 'open', reason: 'open', retryAfterMs: 1, cause: undefined });
      return original(self, args);
    });
    expect(() => owner.send('throw')).toThrow(RangeError);
    expect(() => owner.send('refuse')).toThrow(BreakerOpenError);
    expect(faults).toEqual([]);
  });

  it('is not what a call throws that went on: who decided before it is told, and its caller gets that very error', () => {
    let told = 0;
    const { owner } = guarded({
      before: () => goOn,
      threw: () => {
        told += 1;
        throw new Error('ours');
      },
    });
    expect(owner.send('x')).toBe('x');
    expect(told).toBe(0);
    expect(() => owner.send('throw')).toThrow(RangeError);
    expect(told).toBe(1);
    expect(faults).toHaveLength(1);
  });

  it('a spy beneath it is read and restored as if it were on top, whatever it counts in properties of its own', () => {
    const owner = { send: (value: string) => value };
    const { send } = owner;
    guardMethod(owner, 'send', (original, self, args) => original(self, args));
    const before = owner.send;
    const spy = Object.assign(
      (value: string) => {
        spy.callCount += 1;
        return before(value);
      },
      { callCount: 0 },
    );
    owner.send = spy;
    owner.send('x');
    owner.send('y');
    expect((owner.send as typeof spy).callCount).toBe(2);
    (owner.send as typeof spy).callCount = 0;
    expect(spy.callCount).toBe(0);
    expect([owner.send.name, owner.send.length]).toEqual([spy.name, spy.length]);
    expect(owner.send).not.toBe(send);
  });

  it('an error that is made within has the frames of its caller, as many as it would have', () => {
    const owner = {
      send: (): unknown => {
        throw new RangeError('its own');
      },
    };
    const deep = (levels: number): unknown => (levels === 0 ? owner.send() : deep(levels - 1));
    const framesOfDeep = (): number => {
      try {
        deep(20);
        return 0;
      } catch (error) {
        return String((error as Error).stack).match(/ deep /g)?.length ?? 0;
      }
    };
    const bare = framesOfDeep();
    const limit = Error.stackTraceLimit;
    guardMethod(owner, 'send', (original, self, args) => original(self, args));
    expect(framesOfDeep()).toBeGreaterThanOrEqual(bare);
    expect(bare).toBeGreaterThan(5);
    expect(Error.stackTraceLimit).toBe(limit);
  });

  it('the depth of stacks stays what code within the call makes it', () => {
    const limit = Error.stackTraceLimit;
    const owner = {
      send: () => {
        Error.stackTraceLimit = 3;
      },
    };
    guardMethod(owner, 'send', (original, self, args) => original(self, args));
    owner.send();
    expect(Error.stackTraceLimit).toBe(3);
    Error.stackTraceLimit = limit;
  });

  it('who decides before the call sees two of its arguments; it goes on with all of them', () => {
    const seen: unknown[][] = [];
    const owner = { send: (...args: unknown[]) => args };
    guardMethod(owner, 'send', {
      current: (its) => (its as typeof owner).send,
      before: (self, first, second) => {
        seen.push([self, first, second]);
        return goOn;
      },
    });
    expect(owner.send(1, 2, 3)).toEqual([1, 2, 3]);
    expect(owner.send()).toEqual([]);
    expect(seen).toEqual([
      [owner, 1, 2],
      [owner, undefined, undefined],
    ]);
  });

  it('who names what is guarded is asked once per call, and not after its removal, whoever wraps it', () => {
    let asked = 0;
    const owner = { send: (value: string) => value };
    const guard = guardMethod(owner, 'send', {
      current: (its) => (its as typeof owner).send,
      before: () => {
        asked += 1;
        return goOn;
      },
    });
    const guarded = owner.send;
    owner.send = (value) => `(${guarded(value)})`;
    expect([owner.send('x'), owner.send('x')]).toEqual(['(x)', '(x)']);
    expect(asked).toBe(2);
    guard.remove();
    expect(owner.send('x')).toBe('(x)');
    expect(asked).toBe(2);
  });

  it('lets nothing through that was to be kept back, whatever its answer is', () => {
    const { owner, calls } = guarded({ before: () => undefined });
    expect(owner.send('x')).toBeUndefined();
    expect(calls()).toBe(0);
  });

  it('a call that is guarded already goes on with the arguments it is given, every other has its guard around it', () => {
    let own = true;
    const owner = { send: (...args: unknown[]) => args };
    const guard = guardMethod(owner, 'send', {
      through: (self, args) => (own ? { args: [self === owner, ...args] } : undefined),
      around: (original, self, args) => ['around', original(self, args)],
    });
    expect(owner.send(1, 2)).toEqual([true, 1, 2]);
    own = false;
    expect(owner.send(1, 2)).toEqual(['around', [1, 2]]);
    guard.remove();
    expect(owner.send(1, 2)).toEqual([1, 2]);
  });

  it('a call that went on and throws is told of, and throws the same to its caller', () => {
    const told: unknown[] = [];
    const error = new Error('its own');
    const owner = {
      send: () => {
        throw error;
      },
    };
    const threw = (thrown: unknown): unknown => told.push(thrown);
    guardMethod(owner, 'send', { through: (_, args) => ({ args, threw }), around: () => 'around' });
    expect(() => owner.send()).toThrow(error);
    expect(told).toEqual([error]);
  });

  it('a fault in finding out how a call goes on is reported, and the call goes on once, as it is', () => {
    setFaultReporter((fault) => faults.push(fault));
    const calls: unknown[][] = [];
    const owner = { send: (...args: unknown[]) => calls.push(args) };
    const through = (): never => {
      throw new Error('ours');
    };
    guardMethod(owner, 'send', { through, around: () => 'around' });
    expect(owner.send('x')).toBe(1);
    expect(calls).toEqual([['x']]);
    expect(faults).toMatchObject([{ message: 'ours' }]);
  });

  it('what cannot be guarded is reported and left alone', () => {
    setFaultReporter((error) => faults.push(error));
    const frozen = Object.freeze({ send: () => 'x' });
    expect(guardMethod(frozen, 'send', () => 'guarded').active).toBe(false);
    expect(guardMethod({}, 'nothing', () => 'guarded').active).toBe(false);
    expect(frozen.send()).toBe('x');
    expect(faults).toHaveLength(2);
  });
});
