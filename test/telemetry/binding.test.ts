import { context, metrics, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { inSpan, setUp, succeed, TestSdk, trip, unregister } from './sdk.ts';

describe('binding to an SDK', () => {
  afterEach(unregister);

  it('works with one that is registered before us', async () => {
    const sdk = new TestSdk().register();
    const { breaker, telemetry } = setUp();
    await trip(breaker);
    expect(telemetry.bound).toEqual({ metrics: true, traces: true, logs: true });
    expect((await sdk.collect()).value('breaker.calls', { 'breaker.outcome': 'failure' })).toBe(2);
    expect(sdk.spans('breaker open redis read')).toHaveLength(1);
    expect(sdk.logs()).toHaveLength(1);
    telemetry.dispose();
  });

  it('loses nothing with one that is registered after us', async () => {
    const { breaker, telemetry, clock } = setUp();
    await trip(breaker);
    await succeed(breaker).catch(() => {});
    clock.advance(3_000);
    await succeed(breaker);
    await succeed(breaker);
    expect(breaker.state).toBe('closed');
    const sdk = new TestSdk().register();
    clock.advance(5_000);
    expect(telemetry.bound).toEqual({ metrics: true, traces: true, logs: true });
    const { value } = await sdk.collect();
    expect(value('breaker.calls', { 'breaker.outcome': 'failure' })).toBe(2);
    expect(value('breaker.calls', { 'breaker.outcome': 'success' })).toBe(2);
    expect(value('breaker.rejections', { 'breaker.rejection.reason': 'open' })).toBe(1);
    expect(value('breaker.transitions', { 'breaker.trigger': 'consecutive_failures' })).toBe(1);
    expect((value('breaker.call.duration', { 'breaker.outcome': 'success' }) as { count: number }).count).toBe(2);
    expect(sdk.spans('breaker open redis read')).toHaveLength(1);
    expect(sdk.spans('breaker outage redis read')).toHaveLength(1);
    expect(sdk.logs().map((each) => each.attributes['breaker.state.to'])).toEqual(['open', 'half_open', 'closed']);
    telemetry.dispose();
  });

  it('keeps the time at which things happened for an SDK that comes later', async () => {
    const { breaker, telemetry, clock } = setUp();
    const before = Date.now();
    await trip(breaker);
    clock.advance(700);
    const sdk = new TestSdk().register();
    telemetry.flush();
    const [opening] = sdk.spans('breaker open redis read');
    const startMs = (opening?.startTime[0] ?? 0) * 1_000 + (opening?.startTime[1] ?? 0) / 1e6;
    expect(startMs).toBeGreaterThanOrEqual(before - 1);
    expect(startMs).toBeLessThan(before + 500);
    telemetry.dispose();
  });

  it('keeps a bounded number of events for an SDK that comes late', async () => {
    const { breaker, telemetry } = setUp();
    for (let n = 0; n < 1_000; n += 1) {
      breaker.forceOpen();
      breaker.release();
    }
    const sdk = new TestSdk().register();
    telemetry.flush();
    expect(sdk.logs()).toHaveLength(256);
    expect(sdk.logs().at(-1)?.attributes['breaker.state.to']).toBe('closed');
    telemetry.dispose();
  });

  it('takes metrics, traces and logs as they come, each for itself', async () => {
    const { breaker, telemetry, clock } = setUp();
    const sdk = new TestSdk();
    metrics.setGlobalMeterProvider(sdk.meters);
    clock.advance(5_000);
    expect(telemetry.bound).toEqual({ metrics: true, traces: false, logs: false });
    await trip(breaker);
    expect((await sdk.collect()).value('breaker.calls', { 'breaker.outcome': 'failure' })).toBe(2);
    telemetry.dispose();
  });

  it('changes nothing where there is never one, and sets one timer', async () => {
    const { breaker, telemetry, clock } = setUp();
    await trip(breaker);
    await expect(succeed(breaker)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
    clock.advance(3_600_000);
    expect(clock.pendingTimers).toBeLessThanOrEqual(3);
    telemetry.dispose();
    breaker.reset();
    expect(clock.pendingTimers).toBe(0);
    expect(trace.getSpan(context.active())).toBeUndefined();
  });

  it('ends the outages under way at shutdown, says so, and says nothing afterwards', async () => {
    const sdk = new TestSdk().register();
    const { breaker, telemetry, clock } = setUp();
    await trip(breaker);
    clock.advance(400);
    telemetry.shutdown();
    const [outage] = sdk.spans('breaker outage redis read');
    expect(outage?.attributes).toMatchObject({ 'breaker.outage.end': 'shutdown', 'breaker.trigger': 'consecutive_failures' });
    const seen = sdk.spans().length;
    clock.advance(10_000);
    await inSpan('after', () => succeed(breaker));
    expect(sdk.spans().length).toBe(seen + 1);
    telemetry.dispose();
  });

  it('leaves the last collection to the SDK after shutdown', async () => {
    const sdk = new TestSdk().register();
    const { breaker, telemetry } = setUp();
    await trip(breaker);
    telemetry.shutdown();
    expect((await sdk.collect()).value('breaker.calls', { 'breaker.outcome': 'failure' })).toBe(2);
    telemetry.dispose();
    expect((await sdk.collect()).points.size).toBe(0);
  });
});
