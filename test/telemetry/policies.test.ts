import { SpanStatusCode } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deferred, down, turns } from '../policies/harness.ts';
import { guarded, pass, policies } from './guarded.ts';
import { inSpan, type Rig, setUp, TestSdk, trip, unregister } from './sdk.ts';

describe('telemetry of policies', () => {
  let sdk: TestSdk;
  let rig: Rig;
  beforeEach(() => {
    sdk = new TestSdk().register();
    rig = setUp();
  });
  afterEach(() => {
    rig.telemetry.dispose();
    unregister();
  });

  it('adds no span to a call that succeeds at once', async () => {
    const { run } = guarded(rig, { ...policies, fallback: { value: 'none' } });
    await inSpan('request', () => run(async () => 'ok'));
    expect(sdk.spans().map(({ name }) => name)).toEqual(['request']);
  });

  it('tells of a call that was repeated: one span, the later attempts inside it, an event for each that failed', async () => {
    const { run } = guarded(rig, policies);
    const call = inSpan('request', () => run(({ number }) => inSpan(`attempt ${number}`, async () => (number < 3 ? Promise.reject(down) : 'ok'))));
    await pass(rig, 400);
    expect(await call).toBe('ok');
    const [span] = sdk.spans('breaker billing');
    const [request] = sdk.spans('request');
    expect(span?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    expect(span?.status.code).toBe(SpanStatusCode.UNSET);
    expect(span?.attributes).toMatchObject({ 'breaker.name': 'billing', 'breaker.outcome': 'success', 'breaker.retry.attempts': 3 });
    expect(span?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
      ['breaker.attempt', { 'breaker.retry.attempts': 1, 'error.type': 'ECONNREFUSED', 'breaker.retry.wait': 0.1 }],
      ['breaker.attempt', { 'breaker.retry.attempts': 2, 'error.type': 'ECONNREFUSED', 'breaker.retry.wait': 0.2 }],
    ]);
    const parents = [1, 2, 3].map((n) => sdk.spans(`attempt ${n}`)[0]?.parentSpanContext?.spanId);
    expect(parents).toEqual([request?.spanContext().spanId, span?.spanContext().spanId, span?.spanContext().spanId]);
  });

  it('tells of a call whose attempts all failed as an error', async () => {
    const { run } = guarded(rig, policies);
    const call = inSpan('request', () => run(() => Promise.reject(down)).catch(() => undefined));
    await pass(rig, 400);
    await call;
    const [span] = sdk.spans('breaker billing');
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes).toMatchObject({ 'breaker.outcome': 'failure', 'error.type': 'ERETRYEXHAUSTED', 'breaker.retry.attempts': 3 });
  });

  it('tells of a call that ran out of its time', async () => {
    const { run } = guarded(rig, { totalTimeoutMs: 100 });
    const call = inSpan('request', () => run(() => new Promise<never>(() => undefined)).catch(() => undefined));
    await pass(rig, 100);
    await call;
    const [span] = sdk.spans('breaker billing');
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes).toMatchObject({ 'breaker.total_timeout': 0.1, 'error.type': 'ECALLTIMEOUT' });
  });

  it('tells of a refusal that a fallback made good as no error, with what it hides; once', async () => {
    const { run, breaker } = guarded(rig, { fallback: { value: 'none' }, consecutiveFailures: 2, open: { durationMs: 1_000, jitter: 0 } });
    await trip(breaker);
    expect(await inSpan('request', () => run<unknown>(async () => 'never'))).toBe('none');
    const spans = sdk.spans('breaker billing');
    expect(spans).toHaveLength(1);
    expect(spans[0]?.status.code).toBe(SpanStatusCode.UNSET);
    expect(spans[0]?.attributes).toMatchObject({
      'breaker.fallback.type': 'value',
      'breaker.outcome': 'success',
      'breaker.rejection.reason': 'open',
      'breaker.retry_after': 1,
    });
    expect(spans[0]?.attributes).not.toHaveProperty('error.type');
    expect(spans[0]?.events.map(({ name, attributes }) => [name, attributes])).toEqual([['exception', { 'exception.type': 'EBREAKEROPEN' }]]);
    expect(spans[0]?.links[0]?.context.spanId).toBe(sdk.spans('breaker open billing')[0]?.spanContext().spanId);
    expect(sdk.spans('request')[0]?.attributes['breaker.outcome']).toBe('fallback');
  });

  it('tells of a refusal that nothing made good as it ever was', async () => {
    const { run, breaker } = guarded(rig, { ...policies, consecutiveFailures: 2 });
    await trip(breaker);
    await inSpan('request', () => run(async () => 'never').catch(() => undefined));
    const [span, ...others] = sdk.spans('breaker billing');
    expect(others).toEqual([]);
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes).toMatchObject({
      'breaker.outcome': 'rejected',
      'error.type': 'circuit_breaker_open',
      'breaker.rejection.reason': 'open',
    });
  });

  it('tells a limit’s refusal from the circuit’s', async () => {
    const { run } = guarded(rig, { bulkhead: { limit: 1 } });
    const first = deferred<string>();
    const inside = run(() => first.promise);
    await turns();
    await inSpan('request', () => run(async () => 'never').catch(() => undefined));
    first.resolve('done');
    await inside;
    const [span] = sdk.spans('breaker billing');
    expect(span?.attributes).toMatchObject({ 'error.type': 'bulkhead_full', 'breaker.rejection.reason': 'bulkhead_full' });
    expect(span?.status.message).toBe('bulkhead_full');
  });

  it('tells how old a stale answer was', async () => {
    const { run } = guarded(rig, { fallback: { stale: {} } });
    const stale = { keep: () => undefined, find: () => ({ value: { total: 7 }, ageMs: 1_500 }) };
    await inSpan('request', () => run<unknown>(() => Promise.reject(down), { stale }));
    expect(sdk.spans('breaker billing')[0]?.attributes).toMatchObject({ 'breaker.fallback.type': 'stale', 'breaker.cache.age': 1.5 });
  });

  it('makes no span where there is no caller’s', async () => {
    const { run } = guarded(rig, { fallback: { value: 'none' } });
    await run<unknown>(() => Promise.reject(down));
    expect(sdk.spans('breaker billing')).toEqual([]);
  });

  it('counts attempts, fallbacks, lookups, places and what waits in a queue', async () => {
    const { run } = guarded(rig, { ...policies, fallback: { stale: {}, queue: { path: 'q' }, value: 'none' } });
    const stale = { keep: () => undefined, find: () => ({ value: 1, ageMs: 1 }) };
    const queue = { gauge: { depth: 3, ageMs: 2_500 }, behind: () => false, passed: () => undefined, append: async () => 'queued' };
    const hanging = [deferred<unknown>(), deferred<unknown>(), deferred<unknown>()];
    const failing = [run<unknown>(() => Promise.reject(down), { stale }), run<unknown>(() => Promise.reject(down), { queue, operation: 'write' })];
    await pass(rig, 400);
    await Promise.all(failing);
    const inside = hanging.map(({ promise }) => run<unknown>(() => promise));
    await turns();
    const { value } = await sdk.collect();
    const of = (name: string, more: Record<string, unknown> = {}): unknown => value(name, { 'breaker.name': 'billing', ...more });
    expect(of('breaker.retry.attempts', { 'breaker.outcome': 'failure' })).toMatchObject({
      count: 2,
      sum: 6,
      buckets: { boundaries: [1, 2, 3, 5, 8], counts: [0, 0, 2, 0, 0, 0] },
    });
    expect(of('breaker.fallback.calls', { 'breaker.fallback.type': 'stale', 'breaker.outcome': 'success' })).toBe(1);
    expect(of('breaker.fallback.calls', { 'breaker.fallback.type': 'queue', 'breaker.outcome': 'success' })).toBe(1);
    expect(of('breaker.cache.lookups', { 'breaker.cache.result': 'stale' })).toBe(1);
    expect([of('breaker.bulkhead.active'), of('breaker.bulkhead.queued'), of('breaker.bulkhead.limit')]).toEqual([2, 1, 2]);
    expect([of('breaker.queue.depth'), of('breaker.queue.age')]).toEqual([3, 2.5]);
    expect(of('breaker.rejections', { 'breaker.rejection.reason': 'open' })).toBe(0);
    for (const { resolve } of hanging) resolve(1);
    await Promise.all(inside);
  });

  it('never tells a breaker without policies of any', async () => {
    await sdk.collect();
    const { points } = await sdk.collect();
    expect([...points.keys()].filter((name) => /retry|fallback|cache|bulkhead|queue/.test(name))).toEqual([]);
  });
});

describe('attempts per call', () => {
  it('reach delta readers as what is new', async () => {
    const sdk = new TestSdk({ delta: true }).register();
    const rig = setUp();
    const { run } = guarded(rig, policies);
    await run(async () => 1);
    await sdk.collect();
    await run(async () => 1);
    const { value } = await sdk.collect();
    expect(value('breaker.retry.attempts')).toMatchObject({ count: 1, sum: 1 });
    rig.telemetry.dispose();
    unregister();
  });

  it('are recorded one by one where instruments are asked for', async () => {
    const sdk = new TestSdk().register();
    const rig = setUp({ metrics: 'instruments' });
    const { run } = guarded(rig, policies);
    await run(async () => 1);
    const { value } = await sdk.collect();
    expect(value('breaker.retry.attempts', { 'breaker.name': 'billing', 'breaker.outcome': 'success' })).toMatchObject({ count: 1, sum: 1 });
    expect(value('breaker.bulkhead.limit', { 'breaker.name': 'billing' })).toBe(2);
    rig.telemetry.dispose();
    unregister();
  });
});
