import { describe, expect, it } from 'vitest';
import type { Sample } from '../../examples/demo/load.ts';
import { measureOutage, measureRecovery } from '../../examples/demo/measure.ts';

/** Requests every 25 ms in [from, to), each answered as `how` says. */
function requests(from: number, to: number, how: (startedAt: number) => [durationMs: number, error: string]): Sample[] {
  const made: Sample[] = [];
  for (let startedAt = from; startedAt < to; startedAt += 25) {
    const [durationMs, error] = how(startedAt);
    made.push({ group: 'redis', startedAt, durationMs, status: error === '' ? 200 : 503, error });
  }
  return made;
}

describe('what an outage came to', () => {
  it('fails fast from the first fast failure that stays so, probes aside', () => {
    const samples = requests(1_000, 11_000, (at) => {
      if (at < 2_000) return [2_000 - at + 500, 'ETIMEDOUT'];
      return at % 1_000 === 0 ? [1_000, 'ETIMEDOUT'] : [2, 'EBREAKEROPEN'];
    });
    const { failFastMs, total, notRefused, p50Ms, p99Ms } = measureOutage(samples, 1_000, 11_000);
    expect(failFastMs).toBeGreaterThanOrEqual(700);
    expect(failFastMs).toBeLessThanOrEqual(1_050);
    expect([total, notRefused, p50Ms]).toEqual([400, 49, 2]);
    expect(p99Ms).toBeGreaterThan(1_000);
  });

  it('a fast spell that does not last is not failing fast', () => {
    const samples = requests(0, 10_000, (at) => (at > 3_000 && at < 6_000 ? [2, 'EBREAKEROPEN'] : [5_000, 'client time-out']));
    expect(measureOutage(samples, 0, 10_000).failFastMs).toBeUndefined();
  });

  it('never fails fast when everybody waits', () => {
    const samples = requests(0, 10_000, () => [5_000, 'client time-out']);
    expect(measureOutage(samples, 0, 10_000)).toMatchObject({ failFastMs: undefined, failing: 400, p99Ms: 5_000, notRefused: 400 });
  });

  it('counts only what began during it', () => {
    const samples = requests(0, 3_000, () => [2, 'x']);
    expect(measureOutage(samples, 1_000, 2_000).total).toBe(40);
  });

  it('has no figures of failing requests when none failed', () => {
    expect(measureOutage([], 0, 1_000)).toMatchObject({ failFastMs: undefined, p50Ms: undefined, p99Ms: undefined, total: 0 });
  });
});

describe('the way back to full service', () => {
  it('ends with the first request after which a whole window is served fast', () => {
    const samples = requests(0, 5_000, (at) => (at < 700 || at === 1_000 ? [2, 'EBREAKEROPEN'] : [2, '']));
    expect(measureRecovery(samples, 0, 5_000)).toBe(1_025);
  });

  it('is not over while answers are slow', () => {
    const samples = requests(0, 5_000, (at) => [at < 2_000 ? 900 : 3, '']);
    expect(measureRecovery(samples, 0, 5_000)).toBe(2_000);
  });

  it('is not over when the window does not end in time', () => {
    const samples = requests(0, 5_000, (at) => (at < 4_500 ? [2, 'x'] : [2, '']));
    expect(measureRecovery(samples, 0, 5_000)).toBeUndefined();
  });
});
