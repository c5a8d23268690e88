import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setFaultReporter } from '../../src/core/fault.ts';
import { Attachment } from '../../src/telemetry/attachment.ts';
import { fail, inSpan, type Rig, setUp, succeed, TestSdk, trip, unregister } from './sdk.ts';

describe('a state change', () => {
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

  it('is a log record in the trace of the call that caused it, a warning when the circuit opens', async () => {
    await inSpan('request', () => trip(rig.breaker));
    const [record] = sdk.logs();
    const caller = sdk.spans('request')[0]?.spanContext();
    expect(record).toMatchObject({ eventName: 'breaker.state_change', severityText: 'WARN', severityNumber: 13 });
    expect(record?.body).toBe('redis read: closed -> open (consecutive_failures)');
    expect(record?.spanContext).toMatchObject({ traceId: caller?.traceId, spanId: caller?.spanId });
    expect(record?.instrumentationScope.name).toBe('otel-breaker');
    expect(record?.attributes).toMatchObject({
      'breaker.name': 'redis read',
      'breaker.state.from': 'closed',
      'breaker.state.to': 'open',
      'breaker.trigger': 'consecutive_failures',
      'breaker.open.duration': 1,
      'error.type': 'ECONNREFUSED',
    });
  });

  it('that a timer caused belongs to no trace', async () => {
    await inSpan('request', async () => {
      await trip(rig.breaker);
      rig.clock.advance(1_000);
    });
    const halfOpened = sdk.logs()[1];
    expect(halfOpened).toMatchObject({ severityText: 'INFO' });
    expect(halfOpened?.attributes['breaker.trigger']).toBe('open_elapsed');
    expect(halfOpened?.spanContext).toBeUndefined();
  });

  it('is an event on the span of the call that caused it', async () => {
    await inSpan('request', () => trip(rig.breaker));
    const events = sdk.spans('request')[0]?.events;
    expect(events?.map((event) => event.name)).toEqual(['breaker.state_change']);
    expect(events?.[0]?.attributes).toMatchObject({ 'breaker.state.to': 'open', 'breaker.trigger': 'consecutive_failures' });
  });

  it('by a probe is an event on the caller’s span', async () => {
    await trip(rig.breaker);
    rig.clock.advance(1_000);
    await inSpan('request', async () => {
      await succeed(rig.breaker);
      await succeed(rig.breaker);
    });
    expect(sdk.spans('request')[0]?.events[0]?.attributes).toMatchObject({ 'breaker.state.to': 'closed' });
  });

  it('is no span event when those are switched off', async () => {
    rig.telemetry.dispose();
    rig = setUp({ spanEvents: false });
    await inSpan('request', () => trip(rig.breaker));
    expect(sdk.spans('request')[0]?.events).toEqual([]);
    expect(sdk.logs()).toHaveLength(1);
  });

  it('is told of, also where who is told of it before has a fault', async () => {
    rig.telemetry.dispose();
    setFaultReporter(() => {});
    const telemetry = new Attachment(rig.registry, {}, () => {
      throw new Error('ours');
    });
    await inSpan('request', () => trip(rig.breaker));
    expect(sdk.spans('request')[0]?.events.map(({ name }) => name)).toEqual(['breaker.state_change']);
    expect(sdk.logs()).toHaveLength(1);
    telemetry.dispose();
    setFaultReporter(undefined);
  });

  it('in shadow mode is a verdict: told, marked, and no cause for alarm', async () => {
    rig.breaker.shadow();
    await trip(rig.breaker);
    const verdict = sdk.logs()[1];
    expect(verdict?.attributes).toMatchObject({ 'breaker.shadow': true, 'breaker.state.to': 'open' });
    expect(verdict?.severityText).toBe('INFO');
    expect(
      (await sdk.collect()).points.get('breaker.transitions')?.some((point) => point.attributes['breaker.state.to'] === 'open' && point.value === 1),
    ).toBe(false);
  });

  it('never tells an error’s message', async () => {
    await inSpan('request', async () => {
      await fail(rig.breaker, new Error('secret 1'));
      await fail(rig.breaker, new Error('secret 2'));
    });
    const told = JSON.stringify([
      sdk.logs().map((each) => [each.body, each.attributes]),
      sdk.spans().map((each) => [each.attributes, each.events, each.links, each.status]),
    ]);
    expect(told).not.toContain('secret');
  });
});
