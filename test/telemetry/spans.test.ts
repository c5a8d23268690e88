import { context, createContextKey, diag, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fail, inSpan, type Rig, setUp, succeed, TestSdk, trip, unregister } from './sdk.ts';

const reject = (rig: Rig) => succeed(rig.breaker).catch(() => {});
const suppress = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

describe('spans of calls', () => {
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

  it('are none for a call that succeeds: the decision stands on the caller’s', async () => {
    await inSpan('request', () => succeed(rig.breaker));
    expect(sdk.spans().map((span) => span.name)).toEqual(['request']);
    expect(sdk.spans('request')[0]?.attributes).toEqual({ 'breaker.name': 'redis read', 'breaker.state': 'closed', 'breaker.outcome': 'success' });
  });

  it('leave the weightiest of several decisions on the caller’s', async () => {
    const other = rig.registry.get('postgres read');
    await inSpan('request', async () => {
      await succeed(other);
      await fail(rig.breaker);
      await succeed(other);
    });
    expect(sdk.spans('request')[0]?.attributes).toMatchObject({ 'breaker.name': 'redis read', 'breaker.outcome': 'failure' });
  });

  it('leave a caller’s span alone that has ended before its call', async () => {
    const warn = vi.fn();
    diag.setLogger({ warn, error: warn, info: () => {}, debug: () => {}, verbose: () => {} });
    const permit = await inSpan('request', async () => rig.breaker.tryAcquire());
    permit?.succeed();
    diag.disable();
    // The SDK would refuse it, and say so for every call.
    expect(warn).not.toHaveBeenCalled();
    expect(sdk.spans('request')[0]?.attributes).toEqual({});
  });

  it('tell a rejection: child of the caller’s, an error, when to come again, linked to the opening', async () => {
    await trip(rig.breaker);
    rig.clock.advance(250);
    await inSpan('request', () => reject(rig));
    const [span] = sdk.spans('breaker redis read');
    const [request] = sdk.spans('request');
    const [opening] = sdk.spans('breaker open redis read');
    expect(span?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes).toEqual({
      'breaker.name': 'redis read',
      'breaker.operation': 'read',
      'breaker.outcome': 'rejected',
      'breaker.rejection.reason': 'open',
      'breaker.retry_after': 0.75,
      'breaker.state': 'open',
      'db.system.name': 'redis',
      'error.type': 'circuit_breaker_open',
      'server.address': '10.0.0.5',
      'server.port': 6379,
    });
    expect(span?.links.map((link) => link.context.spanId)).toEqual([opening?.spanContext().spanId]);
    expect(request?.attributes).toMatchObject({ 'breaker.state': 'open', 'breaker.outcome': 'rejected' });
  });

  it('tell at most eight rejections under one parent and count the rest on it', async () => {
    await trip(rig.breaker);
    await inSpan('request', async () => {
      for (let n = 0; n < 1_000; n += 1) await reject(rig);
    });
    await inSpan('next request', () => reject(rig));
    expect(sdk.spans('breaker redis read')).toHaveLength(9);
    expect(sdk.spans('request')[0]?.attributes['breaker.rejections.suppressed']).toBe(992);
    expect(sdk.spans('next request')[0]?.attributes['breaker.rejections.suppressed']).toBeUndefined();
  });

  it('need a recording parent, unless roots are allowed', async () => {
    await trip(rig.breaker);
    await reject(rig);
    expect(sdk.spans('breaker redis read')).toHaveLength(0);
    rig.telemetry.dispose();
    rig = setUp({ roots: true });
    await trip(rig.breaker);
    await reject(rig);
    expect(sdk.spans('breaker redis read')[0]?.parentSpanContext).toBeUndefined();
    const unsampled = trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 0 });
    await context.with(trace.setSpan(context.active(), unsampled), () => reject(rig));
    expect(sdk.spans('breaker redis read')).toHaveLength(1);
  });

  it('surround a probe, so that the client’s span is inside', async () => {
    await trip(rig.breaker);
    rig.clock.advance(1_000);
    await inSpan('request', () => rig.breaker.run(() => inSpan('redis-GET', async () => 'ok')));
    const [probe] = sdk.spans('breaker redis read');
    expect(sdk.spans('redis-GET')[0]?.parentSpanContext?.spanId).toBe(probe?.spanContext().spanId);
    expect(probe?.parentSpanContext?.spanId).toBe(sdk.spans('request')[0]?.spanContext().spanId);
    expect(probe?.attributes).toMatchObject({ 'breaker.probe': true, 'breaker.state': 'half_open', 'breaker.outcome': 'success' });
    expect(probe?.links.map((link) => link.context.spanId)).toEqual([sdk.spans('breaker open redis read')[0]?.spanContext().spanId]);
  });

  it('mark a probe that failed', async () => {
    await trip(rig.breaker);
    rig.clock.advance(1_000);
    await inSpan('request', () => fail(rig.breaker));
    const [probe] = sdk.spans('breaker redis read');
    expect(probe?.attributes).toMatchObject({ 'breaker.outcome': 'failure', 'error.type': 'ECONNREFUSED' });
    expect(probe?.status.code).toBe(SpanStatusCode.ERROR);
  });

  it('end a probe whose lease has run out, once', async () => {
    await trip(rig.breaker);
    rig.clock.advance(1_000);
    const permit = await inSpan('request', async () => rig.breaker.tryAcquire());
    rig.clock.advance(20_000);
    const lost = sdk.spans('breaker redis read');
    expect(lost).toHaveLength(1);
    expect(lost[0]?.attributes['error.type']).toBe('probe_lease');
    permit?.succeed();
    expect(sdk.spans('breaker redis read')).toHaveLength(1);
  });

  it('are none in a context that suppresses tracing', async () => {
    await trip(rig.breaker);
    await inSpan('request', () => context.with(context.active().setValue(suppress, true), () => reject(rig)));
    rig.breaker.reset();
    await inSpan('export', () => context.with(context.active().setValue(suppress, true), () => succeed(rig.breaker)));
    expect(sdk.spans('breaker redis read')).toHaveLength(0);
    expect(sdk.spans('request')[0]?.attributes).toEqual({});
    expect(sdk.spans('export')[0]?.attributes).toEqual({});
  });

  it('are none when switched off, nor attributes', async () => {
    rig.telemetry.dispose();
    rig = setUp({ spans: false });
    await inSpan('request', async () => {
      await trip(rig.breaker);
      await reject(rig);
    });
    expect(sdk.spans().map((span) => span.name)).toEqual(['request']);
    expect(sdk.spans('request')[0]?.attributes).toEqual({});
    expect(sdk.spans('request')[0]?.events.map((event) => event.name)).toEqual(['breaker.state_change']);
  });
});
