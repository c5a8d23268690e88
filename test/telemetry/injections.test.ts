import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guarded, pass, policies } from './guarded.ts';
import { inSpan, type Rig, setUp, succeed, TestSdk, unregister } from './sdk.ts';

const name = 'redis read';
const call = (rig: Rig): Promise<unknown> => succeed(rig.breaker).catch((error: unknown) => error);

describe('injected faults', () => {
  let sdk: TestSdk;
  let rig: Rig;
  beforeEach(() => {
    sdk = new TestSdk().register();
    rig = setUp();
  });
  afterEach(() => {
    for (const injection of rig.registry.injections) injection.end();
    rig.telemetry.dispose();
    unregister();
  });

  it('are log records when they begin and when they end, which a person should look at', async () => {
    const injection = rig.breaker.inject({ kind: 'error', share: 0.6, error: { code: 'ECONNRESET' }, by: 'alice', reason: 'game day' });
    for (let n = 0; n < 3; n += 1) await call(rig);
    injection.end();
    const attributes = {
      ...{
        'breaker.name': name,
        'breaker.fault.kind': 'error',
        'breaker.fault.share': 0.6,
        'breaker.fault.scope': name,
        'breaker.fault.breakers': [name],
      },
      ...{ 'breaker.fault.duration': 60, 'breaker.fault.by': 'alice', 'breaker.reason': 'game day' },
    };
    const said = `error ECONNRESET, 60 % of the calls of ${name}, for at most 60 s, by alice (game day)`;
    expect(sdk.logs().filter(({ eventName }) => eventName?.startsWith('breaker.faults'))).toMatchObject([
      { eventName: 'breaker.faults_begun', severityText: 'WARN', body: `faults are injected on purpose: ${said}`, attributes },
      {
        ...{ eventName: 'breaker.faults_ended', severityText: 'WARN', body: `no longer injected: ${said}; 2 calls have met it` },
        attributes: { ...attributes, 'breaker.fault.calls': 2 },
      },
    ]);
  });

  it('are one record however many breakers they concern, and also where there are none yet', () => {
    rig.registry.get('postgres read');
    rig.registry.inject({ kind: 'latency', latencyMs: 250 }).end();
    rig.registry.inject({ kind: 'hang' }, () => false, 'nobody').end();
    const logs = sdk.logs().filter(({ eventName }) => eventName?.startsWith('breaker.faults'));
    expect(logs.map(({ attributes }) => attributes['breaker.fault.breakers'])).toEqual([[name, 'postgres read'], [name, 'postgres read'], [], []]);
    expect(logs[0]).toMatchObject({ body: 'faults are injected on purpose: latency of 250 ms, every call of all, for at most 60 s, by code' });
    expect(logs[0]?.attributes).toMatchObject({ 'breaker.fault.latency': 0.25 });
    expect(logs[0]?.attributes).not.toHaveProperty('breaker.name');
  });

  it('are counted by kind', async () => {
    expect((await sdk.collect()).points.has('breaker.faults.injected')).toBe(false);
    rig.breaker.inject({ kind: 'error' });
    await call(rig);
    rig.breaker.tryAcquire();
    expect((await sdk.collect()).value('breaker.faults.injected', { 'breaker.name': name, 'breaker.fault.kind': 'error' })).toBe(2);
  });

  it('show on the caller’s span, each as an event, and its attribute stays', async () => {
    rig.breaker.inject({ kind: 'error', error: { code: 'ECONNRESET' }, by: 'alice' });
    await inSpan('request', () => call(rig));
    const [span] = sdk.spans('request');
    expect(span?.attributes).toMatchObject({ 'breaker.injected': true, 'breaker.outcome': 'failure' });
    expect(span?.events.filter((each) => each.name === 'breaker.fault').map(({ attributes }) => attributes)).toEqual([
      { 'breaker.name': name, 'breaker.fault.kind': 'error', 'breaker.fault.by': 'alice', 'error.type': 'ECONNRESET' },
    ]);
  });

  it('leave room for other events on a span of many calls', async () => {
    rig.breaker.shadow();
    rig.breaker.inject({ kind: 'error' });
    await inSpan('request', async () => {
      for (let n = 0; n < 200; n += 1) await call(rig);
    });
    const [span] = sdk.spans('request');
    expect([span?.events.filter((each) => each.name === 'breaker.fault').length, span?.droppedEventsCount]).toEqual([16, 0]);
  });

  it('show on what a circuit does meanwhile: its state changes, the opening, probes, refusals and the outage', async () => {
    const injection = rig.breaker.inject({ kind: 'error' });
    await inSpan('first', () => call(rig));
    await inSpan('second', () => call(rig));
    await inSpan('refused', () => call(rig));
    rig.clock.advance(1_000);
    await inSpan('probing', () => call(rig));
    injection.end();
    rig.clock.advance(1_000);
    for (let n = 0; n < 3; n += 1) await call(rig);
    expect(rig.breaker.state).toBe('closed');
    expect(sdk.spans(`breaker open ${name}`).map(({ attributes }) => attributes['breaker.injected'])).toEqual([true]);
    expect(sdk.spans(`breaker ${name}`).map(({ attributes }) => attributes['breaker.injected'])).toEqual([true, true]);
    expect(sdk.spans(`breaker outage ${name}`).map(({ attributes }) => attributes['breaker.injected'])).toEqual([true]);
    const changes = sdk.logs().filter(({ eventName }) => eventName === 'breaker.state_change');
    expect(changes.map(({ attributes }) => [attributes['breaker.state.to'], attributes['breaker.injected']])).toEqual([
      ['open', true],
      ['half_open', true],
      ['open', true],
      ['half_open', undefined],
      ['closed', undefined],
    ]);
  });

  it('show on the outage of a real failure that they began in', async () => {
    rig.breaker.tryAcquire()?.fail(new Error('down'));
    rig.breaker.tryAcquire()?.fail(new Error('down'));
    const injection = rig.breaker.inject({ kind: 'error' });
    rig.clock.advance(1_000);
    injection.end();
    for (let n = 0; n < 3; n += 1) await call(rig);
    expect(sdk.spans(`breaker open ${name}`)[0]?.attributes).not.toHaveProperty('breaker.injected');
    expect(sdk.spans(`breaker outage ${name}`)[0]?.attributes).toMatchObject({ 'breaker.injected': true });
  });

  it('show on the span of a call that was repeated for them', async () => {
    const { breaker, run } = guarded(rig, policies);
    const injection = breaker.inject({ kind: 'error' });
    const done = inSpan('request', () => run(() => Promise.resolve('answer')));
    await pass(rig, 50);
    injection.end();
    await pass(rig, 200);
    await done;
    expect(sdk.spans('breaker billing')[0]?.attributes).toMatchObject({ 'breaker.injected': true, 'breaker.outcome': 'success' });
  });

  it('are none without an injection', async () => {
    await inSpan('request', () => call(rig));
    expect(sdk.spans('request')[0]?.attributes).not.toHaveProperty('breaker.injected');
  });
});
