import { beforeEach, describe, expect, it } from 'vitest';
import { HttpAdmission } from '../../../instrumentations/fetch/admission.ts';
import { bodyGraceMs, refusalsInARow } from '../../../instrumentations/fetch/defaults.ts';
import { HttpCall } from '../../../instrumentations/fetch/http-call.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';
import type { Registry } from '../../../src/registry/registry.ts';
import { ManualClock } from '../../../src/testing.ts';

const origin = 'http://shop.example';
const reset = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
const refused = new TypeError('fetch failed', { cause: Object.assign(new Error('no'), { code: 'ECONNREFUSED' }) });
const answer = (status: number, more: object = {}) => ({ status, value: { status }, retryAfter: () => undefined, ...more });

let clock: ManualClock;
let registry: Registry;
let admission: HttpAdmission;

beforeEach(() => {
  clock = new ManualClock();
  registry = createRegistry({ clock });
  admission = new HttpAdmission(() => registry);
});

function admit(signal?: AbortSignal): HttpCall {
  const call = admission.admit(origin, 'promise', signal);
  if (!(call instanceof HttpCall)) throw new Error('refused');
  call.observed = true;
  return call;
}

const now = () => {
  const { calls, window, inFlight, state } = registry.get(origin).snapshot();
  const { success, failure, ignored, cancelled } = calls;
  return { success, failure, ignored, cancelled, failures: window.failures, inFlight, state };
};
const nothing = { success: 0, failure: 0, ignored: 0, cancelled: 0, failures: 0, inFlight: 0, state: 'closed' };

describe('a request that is given up', () => {
  it('is aborted, or told of the error where undici has not taken it up yet', () => {
    const told: unknown[] = [];
    const queued = { abort: null, onError: (error: Error) => told.push(error) };
    const begun = { abort: (error: Error) => told.push(error), onError: () => expect.fail('aborted is enough') };
    for (const request of [queued, begun]) {
      const call = admit();
      call.request = request as never;
      call.giveUp(reset);
    }
    expect(told).toEqual([reset, reset]);
  });
});

describe('a response', () => {
  it('counts as one success when its body has come whole', () => {
    const call = admit();
    clock.advance(30);
    call.answered(answer(200));
    expect(now().inFlight).toBe(1);
    clock.advance(5);
    call.ended();
    call.ended();
    expect(now()).toEqual({ ...nothing, success: 1 });
  });

  it('whose body has come holds neither its request nor its connection, though the grace still holds the call', () => {
    const call = admit();
    call.request = { abort: null };
    call.socket = {};
    call.answered(answer(200));
    call.ended();
    expect([call.request, call.socket]).toEqual([undefined, undefined]);
  });

  it('is timed by its headers, not by its body', () => {
    const seen: number[] = [];
    registry.get(origin).on('call', ({ durationMs }) => seen.push(durationMs));
    const call = admit();
    clock.advance(30);
    call.answered(answer(200));
    clock.advance(50);
    call.ended();
    expect(seen).toEqual([30]);
  });

  it('that nobody reads gives its permit back after the grace', () => {
    admit().answered(answer(200));
    clock.advance(bodyGraceMs - 1);
    expect(now().inFlight).toBe(1);
    clock.advance(1);
    expect(now()).toEqual({ ...nothing, success: 1 });
  });

  it('shares one timer with all others that wait for their bodies', () => {
    const before = clock.pendingTimers;
    for (let i = 0; i < 5; i += 1) {
      admit().answered(answer(200));
      clock.advance(10);
    }
    // One of them is the breaker's.
    expect(clock.pendingTimers - before).toBeLessThanOrEqual(2);
    clock.advance(bodyGraceMs);
    expect(now()).toEqual({ ...nothing, success: 5 });
  });

  it('counts as one failure, and no success, when its body breaks off within the grace', () => {
    const call = admit();
    call.answered(answer(200));
    call.broke(reset);
    clock.advance(1_000);
    expect(now()).toEqual({ ...nothing, failure: 1, failures: 1 });
  });

  it('counts a failure more when its body breaks off later', () => {
    const call = admit();
    call.answered(answer(200));
    clock.advance(1_000);
    call.broke(reset);
    call.broke(reset);
    expect(now()).toEqual({ ...nothing, success: 1, failures: 1 });
  });

  it('whose body breaks off after the circuit has moved on changes nothing', () => {
    const call = admit();
    call.answered(answer(200));
    clock.advance(1_000);
    registry.get(origin).reset();
    call.broke(reset);
    expect(now().failures).toBe(0);
  });

  it('that the caller stops reading is a success', () => {
    const controller = new AbortController();
    const call = admit(controller.signal);
    call.answered(answer(200));
    controller.abort();
    call.broke(controller.signal.reason);
    const other = admit();
    other.answered(answer(200));
    other.broke(new DOMException('cancelled by the reader', 'AbortError'));
    expect(now()).toEqual({ ...nothing, success: 2 });
  });

  it('whose exchange is over before it is known is settled at once', () => {
    const whole = admit();
    whole.ended();
    whole.answered(answer(200));
    expect(now()).toEqual({ ...nothing, success: 1 });
    const broken = admit();
    broken.broke(reset);
    broken.answered(answer(200));
    expect(now()).toEqual({ ...nothing, success: 1, failure: 1, failures: 1 });
  });

  it('of a failing status is a failure at once, named by the status', () => {
    const call = admit();
    call.answered(answer(503));
    call.ended();
    expect(now()).toEqual({ ...nothing, failure: 1, failures: 1 });
    expect([...registry.get(origin).meters.durations.keys()]).toContain('failure:503');
  });

  it('from elsewhere, by a redirect, says that this origin works', () => {
    admit().answered(answer(503, { elsewhere: true }));
    clock.advance(1_000);
    expect(now()).toEqual({ ...nothing, success: 1 });
  });

  it('is classified by the user first', () => {
    registry.replace(origin, { classify: (result) => (result.ok && (result.value as { status: number }).status === 404 ? 'failure' : undefined) });
    admit().answered(answer(404));
    admit().answered(answer(503));
    expect(now().failure).toBe(2);
  });
});

describe('a server that was given up for its silence', () => {
  const stalled = () => {
    for (let i = 0; i < 20; i += 1) {
      const call = admit();
      call.answered(answer(200));
      call.ended();
    }
    const waiting = Array.from({ length: 10 }, () => admit());
    clock.advance(190);
    expect(now().state).toBe('closed');
    clock.advance(20);
    expect(now().state).toBe('open');
    return waiting;
  };

  it('and answers after all is asked again at once', () => {
    const [first, second] = stalled();
    first?.answered(answer(503));
    expect(now().state).toBe('open');
    second?.answered(answer(200));
    expect(now().state).toBe('half_open');
  });

  it('stays given up when a call was only aborted, or when it was for its errors', () => {
    const [first] = stalled();
    first?.failed(reset);
    expect(now().state).toBe('open');
    registry.get(origin).reset();
    const early = admit();
    for (let i = 0; i < 30; i += 1) if (now().state === 'closed') admit().answered(answer(503));
    expect(now().state).toBe('open');
    early.answered(answer(200));
    expect(now().state).toBe('open');
  });
});

describe('a Retry-After', () => {
  it.each([
    ['in seconds', () => '20'],
    ['as a date', () => new Date(Date.now() + 20_500).toUTCString()],
  ])('%s keeps the circuit open for as long', (_form, retryAfter) => {
    registry.replace(origin, { consecutiveFailures: 1 });
    admit().answered(answer(429, { retryAfter }));
    const { state, retryAfterMs } = registry.get(origin).snapshot();
    expect(state).toBe('open');
    expect(retryAfterMs).toBeGreaterThan(18_900);
    expect(retryAfterMs).toBeLessThan(21_000);
  });

  it('is not asked for where it has no meaning', () => {
    admit().answered(
      answer(500, {
        retryAfter: () => {
          throw new Error('asked');
        },
      }),
    );
    expect(now().failure).toBe(1);
  });
});

describe('an error', () => {
  it('of a server that refuses connections opens the circuit when it has done so several times in a row', () => {
    const refuse = (times: number): void => {
      for (let i = 0; i < times; i += 1) admit().failed(refused);
    };
    refuse(refusalsInARow - 1);
    admit().answered(answer(200));
    refuse(refusalsInARow - 1);
    expect(now().state).toBe('closed');
    refuse(1);
    expect(now()).toMatchObject({ failure: 2 * refusalsInARow - 1, state: 'open' });
    expect(registry.get(origin).snapshot().lastTrip?.trigger).toBe('connection');
  });

  it('of the kind that says nothing more is one failure', () => {
    admit().failed(reset);
    expect(now()).toEqual({ ...nothing, failure: 1, failures: 1 });
  });

  it('that comes late, from before the circuit moved on, opens nothing', () => {
    const call = admit();
    registry.get(origin).reset();
    call.failed(refused);
    expect(now().state).toBe('closed');
  });

  it("is no failure when the caller's signal made it, whatever the reason", () => {
    for (const reason of [undefined, new Error('mine'), 'a text', { any: 'thing' }]) {
      const controller = new AbortController();
      const call = admit(controller.signal);
      controller.abort(reason);
      call.failed(controller.signal.reason);
    }
    expect(now()).toEqual({ ...nothing, cancelled: 4 });
  });

  it('is a failure when the signal was a time-out', () => {
    const controller = new AbortController();
    const call = admit(controller.signal);
    controller.abort(new DOMException('late', 'TimeoutError'));
    call.failed(controller.signal.reason);
    expect(now()).toEqual({ ...nothing, failure: 1, failures: 1 });
  });

  it('that came first counts, though the caller gave up as well', () => {
    const controller = new AbortController();
    const call = admit(controller.signal);
    controller.abort();
    call.failed(new TypeError('fetch failed', { cause: reset }));
    expect(now()).toEqual({ ...nothing, failure: 1, failures: 1 });
  });

  it('behind a redirect says nothing of the origin that redirected', () => {
    const call = admit();
    call.ended();
    call.failed(refused);
    expect(now()).toEqual({ ...nothing, ignored: 1 });
  });
});

describe('more origins than are remembered', () => {
  it('have each breaker followed once, and not the one that stands for many', () => {
    registry = createRegistry({ clock, maxBreakers: 1_500 });
    const followed = new Map<string, number>();
    registry.on('added', ({ breaker }) => {
      const on = breaker.on.bind(breaker);
      breaker.on = (name, listener) => {
        followed.set(breaker.name, (followed.get(breaker.name) ?? 0) + 1);
        return on(name, listener);
      };
    });
    for (let round = 0; round < 3; round += 1) {
      for (let shop = 0; shop < 1_600; shop += 1) (admission.admit(`http://shop-${shop}.example`, 'promise') as HttpCall).answered(answer(200));
    }
    expect(followed.size).toBe(1_500);
    expect(new Set(followed.values())).toEqual(new Set([2]));
    expect(followed.has('_other')).toBe(false);
  });

  it('open a circuit by five refusals in a row all the same', () => {
    for (let attempt = 1; attempt <= refusalsInARow; attempt += 1) {
      expect(registry.get(origin).state).toBe('closed');
      admit().failed(refused);
      for (let shop = 0; shop < 1_100; shop += 1) (admission.admit(`http://shop-${shop}.example`, 'promise') as HttpCall).answered(answer(200));
    }
    expect(registry.get(origin).state).toBe('open');
  });
});
