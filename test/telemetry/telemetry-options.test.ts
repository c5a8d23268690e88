import { describe, expect, it } from 'vitest';
import { Registry } from '../../src/registry/registry.ts';
import { attachTelemetry } from '../../src/telemetry/attach.ts';

describe('options of telemetry', () => {
  it.each([
    ['a misspelt key', { spanz: false }, /^options of telemetry: spanz is false; allowed: no such key; did you mean spans\?$/],
    ['a word that is none', { metrics: 'none' }, /metrics is "none"; allowed: one of auto, instruments, off/],
    ['a word of the other option', { durationHistogram: 'instruments' }, /durationHistogram is "instruments"; allowed: one of auto, collected/],
    ['a time that would ring without end', { outageSegmentMs: -1 }, /outageSegmentMs is -1; allowed: a time in ms over 0/],
    ['no options', 7, /is 7; allowed: an object with spans/],
  ])('refuse %s', (_what, options, message) => {
    expect(() => attachTelemetry(new Registry(), options as never)).toThrow(message);
  });

  it('may be left out, one by one', () => {
    attachTelemetry(new Registry(), { spans: undefined, metrics: 'off', outageSegmentMs: 60_000 } as never).dispose();
  });
});
