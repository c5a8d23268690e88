import { DiagLogLevel, diag, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { reportFault, setFaultReporter } from '../../src/core/fault.ts';
import { attachTelemetry } from '../../src/telemetry/index.ts';
import { inSpan, setUp, succeed, TestSdk, trip, unregister } from './sdk.ts';

function listenToDiag() {
  const error = vi.fn();
  diag.setLogger({ error, warn: () => {}, info: () => {}, debug: () => {}, verbose: () => {} }, DiagLogLevel.ERROR);
  return error;
}

describe('faults', () => {
  afterEach(() => {
    diag.disable();
    setFaultReporter(undefined);
    vi.restoreAllMocks();
    unregister();
  });

  it('go to diag while attached, and back to where they went before', () => {
    const before = vi.fn();
    setFaultReporter(before);
    const error = listenToDiag();
    const { telemetry, registry } = setUp();
    const second = attachTelemetry(registry);
    reportFault(new Error('one'), 'a test');
    telemetry.dispose();
    reportFault(new Error('two'), 'a test');
    second.dispose();
    reportFault(new Error('three'), 'a test');
    expect(error).toHaveBeenCalledTimes(2);
    expect(before).toHaveBeenCalledTimes(1);
  });

  it('are not swallowed where diag has no logger', () => {
    const before = vi.fn();
    setFaultReporter(before);
    const { telemetry } = setUp();
    reportFault(new Error('one'), 'a test');
    telemetry.dispose();
    expect(before).toHaveBeenCalledTimes(1);
  });

  it('of the SDK never reach a call', async () => {
    const error = listenToDiag();
    const sdk = new TestSdk().register();
    const { breaker, telemetry, clock } = setUp();
    const provider = trace.getTracerProvider();
    const spanOf = Object.getPrototypeOf(trace.getTracer('x').startSpan('y')) as { setAttribute: () => void; addEvent: () => void };
    vi.spyOn(spanOf, 'setAttribute').mockImplementation(() => {
      throw new Error('broken SDK');
    });
    vi.spyOn(spanOf, 'addEvent').mockImplementation(() => {
      throw new Error('broken SDK');
    });
    expect(provider).toBeDefined();
    await inSpan('request', async () => {
      await expect(breaker.run(async () => 'ok')).resolves.toBe('ok');
      await trip(breaker);
      await expect(succeed(breaker)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
      clock.advance(1_000);
      await expect(breaker.run(async () => 'ok')).resolves.toBe('ok');
    });
    expect(error).toHaveBeenCalled();
    expect(sdk.logs().length).toBeGreaterThan(0);
    telemetry.dispose();
  });
});
