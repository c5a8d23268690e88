import type { HrTime } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guarded } from './guarded.ts';
import { fail, inSpan, type Rig, setUp, succeed, TestSdk, trip, unregister } from './sdk.ts';

const opening = 'breaker open redis read';
const outage = 'breaker outage redis read';
const halfOpen = 'breaker half_open redis read';
const reject = (rig: Rig) => succeed(rig.breaker).catch(() => {});
const ms = ([seconds, nanos]: HrTime) => seconds * 1_000 + nanos / 1e6;

describe('an outage', () => {
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

  it('is told at its opening by a root span that says why', async () => {
    await succeed(rig.breaker);
    await inSpan('request', () => trip(rig.breaker));
    const [span] = sdk.spans(opening);
    expect(span?.parentSpanContext).toBeUndefined();
    expect(span?.duration).toEqual([0, 0]);
    expect(span?.attributes).toMatchObject({
      'breaker.name': 'redis read',
      'breaker.state': 'open',
      'breaker.generation': 1,
      'breaker.trigger': 'consecutive_failures',
      'breaker.trip.value': 2,
      'breaker.trip.limit': 2,
      'breaker.window.recorded': 3,
      'breaker.window.failures': 2,
      'breaker.window.slow': 0,
      'breaker.open.duration': 1,
      'breaker.error.types': ['ECONNREFUSED'],
      'breaker.error.counts': [2],
    });
  });

  it('links its opening to the sampled calls that tripped it, each once', async () => {
    await inSpan('first', () => fail(rig.breaker));
    await inSpan('second', () => fail(rig.breaker));
    const [span] = sdk.spans(opening);
    expect(span?.links.map((link) => link.context.spanId)).toEqual(['first', 'second'].map((name) => sdk.spans(name)[0]?.spanContext().spanId));
    expect(span?.links[0]?.attributes).toEqual({ 'error.type': 'ECONNREFUSED' });
  });

  it('links its opening to at most 32 calls', async () => {
    rig.registry.replace('redis read', { consecutiveFailures: 40, failureRatio: undefined });
    for (let n = 0; n < 40; n += 1) await inSpan(`request ${n}`, () => fail(rig.breaker));
    expect(sdk.spans(opening)[0]?.links).toHaveLength(32);
  });

  it('links its opening to the calls that hang', async () => {
    rig.registry.replace('redis read', { stall: { afterMs: 100, calls: 2 } });
    await inSpan('stuck 1', async () => rig.breaker.tryAcquire());
    await inSpan('stuck 2', async () => rig.breaker.tryAcquire());
    // A dependency that has never answered is waited for longest.
    rig.clock.advance(30_000);
    const [span] = sdk.spans(opening);
    expect(span?.attributes['breaker.trigger']).toBe('stall');
    expect(span?.links).toHaveLength(2);
  });

  it('is told at its closing by a root span from the opening on, with totals and a child per half-open phase', async () => {
    await trip(rig.breaker);
    for (let n = 0; n < 5; n += 1) await reject(rig);
    rig.clock.advance(1_000);
    await fail(rig.breaker);
    rig.clock.advance(1_000);
    await succeed(rig.breaker);
    rig.clock.advance(50);
    await succeed(rig.breaker);
    expect(rig.breaker.state).toBe('closed');
    expect(sdk.spans(opening)).toHaveLength(1);
    const [span] = sdk.spans(outage);
    expect(span?.parentSpanContext).toBeUndefined();
    expect(span?.links.map((link) => link.context.spanId)).toEqual([sdk.spans(opening)[0]?.spanContext().spanId]);
    expect(span?.attributes).toMatchObject({
      'breaker.trigger': 'consecutive_failures',
      'breaker.outage.end': 'closed',
      'breaker.outage.rejections': 5,
      'breaker.outage.half_opens': 2,
    });
    expect(ms(span?.duration ?? [0, 0])).toBeCloseTo(2_050, 0);
    const phases = sdk.spans(halfOpen);
    expect(phases.map((phase) => phase.parentSpanContext?.spanId)).toEqual([span?.spanContext().spanId, span?.spanContext().spanId]);
    expect(phases.map((phase) => phase.attributes['breaker.state.to'])).toEqual(['open', 'closed']);
    expect(phases.map((phase) => phase.attributes['breaker.trigger'])).toEqual(['probes_failed', 'probes_succeeded']);
    expect(phases.map((phase) => phase.attributes['breaker.outage.probes']).reduce((sum, each) => Number(sum) + Number(each))).toBe(
      span?.attributes['breaker.outage.probes'],
    );
    expect(ms(phases[1]?.duration ?? [0, 0])).toBeCloseTo(50, 0);
  });

  it('says how many calls fallbacks have served while it lasted', async () => {
    const { run, breaker } = guarded(rig, { fallback: { value: 'none' }, consecutiveFailures: 2, open: { durationMs: 1_000, jitter: 0 } });
    const broken = () => run<unknown>(() => Promise.reject(new Error('down')));
    await broken();
    await broken();
    expect(breaker.state).toBe('open');
    for (let n = 0; n < 3; n += 1) expect(await broken()).toBe('none');
    breaker.disable('test');
    // The one that opened it was served after that.
    expect(sdk.spans('breaker outage billing')[0]?.attributes).toMatchObject({ 'breaker.outage.fallbacks': 4, 'breaker.outage.rejections': 3 });
  });

  it('tells a segment every five minutes while it lasts, linked to the one before', async () => {
    rig.breaker.forceOpen('maintenance');
    rig.clock.advance(300_000);
    await reject(rig);
    rig.clock.advance(300_000);
    const segments = sdk.spans(outage);
    expect(segments.map((span) => span.attributes['breaker.outage.segment'])).toEqual([1, 2]);
    expect(segments.map((span) => span.attributes['breaker.outage.rejections'])).toEqual([0, 1]);
    expect(segments.map((span) => span.attributes['breaker.outage.end'])).toEqual([undefined, undefined]);
    expect(segments[1]?.links.map((link) => link.context.spanId)).toEqual([segments[0]?.spanContext().spanId]);
    expect(ms(segments[1]?.duration ?? [0, 0])).toBeCloseTo(300_000, 0);
    rig.clock.advance(60_000);
    rig.breaker.release();
    const whole = sdk.spans(outage)[2];
    expect(whole?.attributes).toMatchObject({ 'breaker.outage.end': 'closed', 'breaker.outage.rejections': 1, 'breaker.reason': 'maintenance' });
    expect(ms(whole?.duration ?? [0, 0])).toBeCloseTo(660_000, 0);
    expect(whole?.links.map((link) => link.context.spanId)).toContain(segments[1]?.spanContext().spanId);
    rig.clock.advance(3_600_000);
    expect(sdk.spans(outage)).toHaveLength(3);
  });

  it('ends with the breaker’s removal, and when the breaker is disabled', async () => {
    await trip(rig.breaker);
    rig.breaker.disable();
    const other = rig.registry.get('other');
    await trip(other);
    rig.registry.remove('other');
    expect(sdk.spans(outage)[0]?.attributes['breaker.outage.end']).toBe('disabled');
    expect(sdk.spans('breaker outage other')[0]?.attributes['breaker.outage.end']).toBe('removed');
  });

  it('that would have been is marked as such, and rejections do not link to it', async () => {
    rig.breaker.shadow();
    await inSpan('request', async () => {
      await trip(rig.breaker);
      await succeed(rig.breaker);
    });
    expect(sdk.spans(opening)[0]?.attributes).toMatchObject({ 'breaker.shadow': true, 'breaker.trigger': 'consecutive_failures' });
    expect(sdk.spans('breaker redis read')).toHaveLength(0);
    rig.clock.advance(1_000);
    await succeed(rig.breaker);
    await succeed(rig.breaker);
    expect(sdk.spans(outage)[0]?.attributes).toMatchObject({
      'breaker.shadow': true,
      'breaker.outage.end': 'closed',
      'breaker.outage.rejections': 1,
    });
  });

  it('that would have been is over when the breaker begins to enforce', async () => {
    rig.breaker.shadow();
    await trip(rig.breaker);
    rig.breaker.release();
    expect(sdk.spans(outage)[0]?.attributes).toMatchObject({ 'breaker.shadow': true, 'breaker.outage.end': 'enforced' });
  });
});
