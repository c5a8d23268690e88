import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Rig, setUp, TestSdk, unregister } from './sdk.ts';

describe('a change of how calls are served', () => {
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

  it('is a log record: how, by whom, why; its end is told as such', () => {
    rig.registry.degrade('read-only', 'health', 'the system is critical');
    rig.registry.degrade('off', 'hand', 'by ops: INC-7');
    rig.registry.degrade(undefined, 'hand', 'by ops');
    rig.registry.degrade(undefined, 'health', 'the system is healthy');
    expect(sdk.logs().map(({ eventName, severityText, body }) => [eventName, severityText, body])).toEqual([
      ['breaker.degrade', 'WARN', 'calls are served read-only by health, before as configured (the system is critical)'],
      ['breaker.degrade', 'WARN', 'calls are served off by hand, before read-only by health (by ops: INC-7)'],
      ['breaker.degrade', 'WARN', 'calls are served read-only by health, before off by hand (by ops)'],
      ['breaker.degrade', 'INFO', 'calls are served as configured, before read-only by health (the system is healthy)'],
    ]);
    expect(sdk.logs()[0]?.attributes).toEqual({
      'breaker.degraded.mode': 'read-only',
      'breaker.degraded.by': 'health',
      'breaker.reason': 'the system is critical',
    });
    expect(sdk.logs()[3]?.attributes).toMatchObject({ 'breaker.degraded.mode': 'configured', 'breaker.degraded.by': 'health' });
  });

  it('that changes nothing is not told', () => {
    rig.registry.degrade('empty');
    rig.registry.degrade('empty');
    rig.registry.degrade('read-only', 'health');
    expect(sdk.logs()).toHaveLength(1);
  });
});
