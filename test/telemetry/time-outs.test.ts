import { SpanStatusCode } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallTimeoutError } from '../../src/core/errors.ts';
import { guarded, pass, policies } from './guarded.ts';
import { inSpan, type Rig, setUp, TestSdk, unregister } from './sdk.ts';

const never = () => new Promise<never>(() => undefined);

describe('a call that runs out of its time', () => {
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

  it('has a span of its own, from its beginning, under its caller’s', async () => {
    const call = inSpan('request', () => rig.breaker.run(never, { timeoutMs: 100 }).catch(() => undefined));
    await pass(rig, 100);
    await call;
    const [span] = sdk.spans('breaker redis read');
    expect(span?.parentSpanContext?.spanId).toBe(sdk.spans('request')[0]?.spanContext().spanId);
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes).toEqual({
      'breaker.name': 'redis read',
      'breaker.operation': 'read',
      'breaker.outcome': 'failure',
      'breaker.state': 'closed',
      'db.system.name': 'redis',
      'error.type': 'ECALLTIMEOUT',
      'server.address': '10.0.0.5',
      'server.port': 6379,
    });
    const [seconds, nanos] = span?.duration ?? [0, 0];
    expect(seconds * 1_000 + nanos / 1e6).toBeGreaterThanOrEqual(99);
  });

  it('has it whatever the breaker thinks of that, for a permit taken by hand too', async () => {
    await inSpan('request', async () => rig.breaker.tryAcquire()?.settle('ignored', new CallTimeoutError('redis read', 5)));
    expect(sdk.spans('breaker redis read')[0]?.attributes).toMatchObject({ 'breaker.outcome': 'ignored', 'error.type': 'ECALLTIMEOUT' });
  });

  it('has none without a caller’s span, nor for what another breaker inside it has told', async () => {
    rig.breaker.tryAcquire()?.fail(new CallTimeoutError('redis read', 5));
    await inSpan('request', async () => rig.breaker.tryAcquire()?.fail(new CallTimeoutError('another', 5)));
    expect(sdk.spans('breaker redis read')).toEqual([]);
  });

  it('has one of the first eight: a request whose thousand calls all hang does not make a thousand', async () => {
    await inSpan('request', async () => {
      for (let n = 0; n < 20; n += 1)
        rig.registry
          .get(`redis ${n}`)
          .tryAcquire()
          ?.fail(new CallTimeoutError(`redis ${n}`, 5));
    });
    expect(sdk.spans().filter(({ name }) => name.startsWith('breaker redis'))).toHaveLength(8);
  });

  it('is told once where policies are around it: by the span of the whole', async () => {
    const { run } = guarded(rig, { ...policies, timeoutMs: 100, totalTimeoutMs: 1_000 });
    const call = inSpan('request', () => run(never).catch(() => undefined));
    await pass(rig, 1_000);
    await call;
    const spans = sdk.spans('breaker billing');
    expect(spans.map(({ attributes }) => attributes['breaker.retry.attempts'])).toEqual([3]);
  });
});
