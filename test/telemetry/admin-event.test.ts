import { afterEach, describe, expect, it } from 'vitest';
import type { AdminActionEvent } from '../../src/telemetry/admin-event.ts';
import type { Attachment } from '../../src/telemetry/attachment.ts';
import { setUp, TestSdk, unregister } from './sdk.ts';

const change = (breaker: string) => ({
  breaker,
  before: { state: 'closed', mode: 'enforce' },
  after: { state: 'forced_open', mode: 'enforce' },
});

function logged(event: AdminActionEvent) {
  const sdk = new TestSdk().register();
  const { telemetry } = setUp();
  (telemetry as Attachment).acted(event);
  const [record] = sdk.logs();
  telemetry.dispose();
  return record;
}

describe('an admin action', () => {
  afterEach(unregister);

  it('is a log record: who, what, before and after', () => {
    expect(logged({ action: 'force-open', actor: 'ops', reason: 'INC-7', details: [], changes: [change('redis://h:1 read')] })).toMatchObject({
      eventName: 'breaker.admin',
      severityText: 'WARN',
      body: 'ops: force-open (INC-7): redis://h:1 read: closed (enforce) -> forced_open (enforce)',
      attributes: {
        'breaker.admin.action': 'force-open',
        'breaker.admin.actor': 'ops',
        'breaker.admin.changes': ['redis://h:1 read: closed (enforce) -> forced_open (enforce)'],
        'breaker.name': 'redis://h:1 read',
        'breaker.reason': 'INC-7',
      },
    });
  });

  it('that injects faults changes no breaker, and says what it asked for', () => {
    const details = ['match.system: redis', 'kind: hang'];
    expect(logged({ action: 'faults', actor: 'ops', details, changes: [] })).toMatchObject({
      body: 'ops: faults: match.system: redis, kind: hang',
      attributes: { 'breaker.admin.details': details },
    });
  });

  it('of a thousand breakers lists some and says how many there are', () => {
    const record = logged({
      action: 'mode',
      actor: 'ops',
      details: ['mode: off'],
      changes: Array.from({ length: 1_000 }, (_, index) => change(`b${index}`)),
    });
    expect(record?.attributes['breaker.admin.changes']).toHaveLength(32);
    expect(record?.attributes).not.toHaveProperty('breaker.name');
    expect(record?.body).toMatch(/; and 968 more$/);
  });

  it('that failed says why', () => {
    expect(logged({ action: 'config-reload', actor: 'ops', details: [], changes: [], error: 'mode: line 3' })).toMatchObject({
      body: 'ops: config-reload: failed: mode: line 3',
      attributes: { 'error.type': 'failed' },
    });
  });

  it('says how calls are served where only that has changed', () => {
    const standing = { state: 'closed', mode: 'enforce' };
    const changes = [{ breaker: 'b', before: standing, after: { ...standing, degraded: 'read-only' } }];
    expect(logged({ action: 'degrade', actor: 'ops', details: [], changes })?.body).toBe(
      'ops: degrade: b: closed (enforce) -> closed (enforce, read-only)',
    );
  });
});
