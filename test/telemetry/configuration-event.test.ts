import { afterEach, describe, expect, it } from 'vitest';
import type { Attachment } from '../../src/telemetry/attachment.ts';
import { setUp, TestSdk, unregister } from './sdk.ts';

describe('a configuration that was read again', () => {
  afterEach(unregister);

  it('is a log record that says what changed, once there is somebody to tell', () => {
    const { telemetry } = setUp();
    (telemetry as Attachment).configured({
      applied: true,
      source: 'a.yaml',
      changes: ['defaults.mode: shadow -> enforce'],
      atNextStart: ['enabled'],
    });
    const sdk = new TestSdk().register();
    telemetry.flush();
    expect(sdk.logs()).toMatchObject([
      {
        eventName: 'breaker.config',
        severityText: 'INFO',
        body: 'configuration reloaded (a.yaml): defaults.mode: shadow -> enforce',
        attributes: {
          'breaker.config.source': 'a.yaml',
          'breaker.config.applied': true,
          'breaker.config.changes': ['defaults.mode: shadow -> enforce'],
          'breaker.config.at_next_start': ['enabled'],
        },
      },
    ]);
    telemetry.dispose();
  });

  it('is a warning when it was refused, and says why', () => {
    const sdk = new TestSdk().register();
    const { telemetry } = setUp();
    const error = Object.assign(new Error('mode: line 3'), { code: 'ECONFIG' });
    (telemetry as Attachment).configured({ applied: false, source: 'a.yaml', changes: [], atNextStart: [], error });
    expect(sdk.logs()).toMatchObject([
      {
        severityText: 'WARN',
        body: 'configuration not reloaded, the one before stays: mode: line 3',
        attributes: { 'breaker.config.applied': false, 'error.type': 'ECONFIG' },
      },
    ]);
    telemetry.dispose();
  });
});
