import { afterEach, describe, expect, it } from 'vitest';
import type { AlertLogEvent } from '../../src/telemetry/alert-event.ts';
import type { Attachment } from '../../src/telemetry/attachment.ts';
import { setUp, TestSdk, unregister } from './sdk.ts';

const alert: AlertLogEvent['alert'] = {
  id: 'availability redis://h:1',
  name: 'BreakerOpen',
  severity: 'critical',
  summary: 'redis://h:1 (read, write) has been open for more than 5 minutes',
  rules: ['BreakerOpen', 'BreakerRejecting'],
  consequences: ['BreakerPoolExhausted'],
  breakers: ['redis://h:1 read', 'redis://h:1 write'],
  server: 'redis://h:1',
  value: 1,
  limit: 0,
};

function logged(event: AlertLogEvent) {
  const sdk = new TestSdk().register();
  const { telemetry } = setUp();
  (telemetry as Attachment).alerted(event);
  const [record] = sdk.logs();
  telemetry.dispose();
  unregister();
  return record;
}

describe('an alert', () => {
  afterEach(unregister);

  it('is a log record as severe as it is', () => {
    expect(logged({ kind: 'firing', alert, lastedMs: 0 })).toMatchObject({
      eventName: 'breaker.alert',
      severityText: 'ERROR',
      severityNumber: 17,
      body: 'BreakerOpen: redis://h:1 (read, write) has been open for more than 5 minutes',
      attributes: {
        'breaker.alert.id': 'availability redis://h:1',
        'breaker.alert.name': 'BreakerOpen',
        'breaker.alert.state': 'firing',
        'breaker.alert.severity': 'critical',
        'breaker.alert.rules': ['BreakerOpen', 'BreakerRejecting'],
        'breaker.alert.consequences': ['BreakerPoolExhausted'],
        'breaker.alert.breakers': ['redis://h:1 read', 'redis://h:1 write'],
        'breaker.alert.server': 'redis://h:1',
        'breaker.alert.value': 1,
        'breaker.alert.limit': 0,
      },
    });
    expect(logged({ kind: 'worse', alert: { ...alert, severity: 'warning' }, lastedMs: 5 })?.severityText).toBe('WARN');
    expect(logged({ kind: 'firing', alert: { ...alert, severity: 'info' }, lastedMs: 0 })?.severityText).toBe('INFO');
  });

  it('that is over is another, with how long it lasted', () => {
    expect(logged({ kind: 'resolved', alert: { ...alert, breakers: ['a'], breaker: 'a' }, lastedMs: 90_000 })).toMatchObject({
      severityText: 'INFO',
      body: 'BreakerOpen resolved after 90 s: redis://h:1 (read, write) has been open for more than 5 minutes',
      attributes: { 'breaker.alert.state': 'resolved', 'breaker.alert.duration': 90, 'breaker.name': 'a' },
    });
  });
});
