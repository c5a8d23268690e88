import { beforeAll, describe, expect, it } from 'vitest';
import { judge } from '../soak/judge.ts';
import { soak } from '../soak/run.ts';
import type { BreakerReport, Run, Story } from '../soak/types.ts';

// Half a minute of what `npm run soak` does for half an hour, and whether it would notice.

let run: Run;
beforeAll(async () => {
  run = await soak({ minutes: 0.5, seed: 1, perSecond: 60, preload: 'otel-breaker/register' });
}, 180_000);

const violated = (changed: Run): string[] =>
  judge(changed)
    .checks.filter(({ violations }) => violations.length > 0)
    .map(({ name }) => name);
const guarded = (change: Partial<Story>): Run => ({ ...run, guarded: { ...run.guarded, ...change } });
const finish = (): NonNullable<Story['finish']> => run.guarded.finish ?? expect.fail('it did not finish');

it('a guarded program comes through outages as its unguarded twin does, and leaves nothing behind', () => {
  const { checks, comparison } = judge(run);
  expect(checks.flatMap(({ name, violations }) => violations.map((each) => `${name}: ${each}`))).toEqual([]);
  expect(run.faults.length).toBeGreaterThan(4);
  expect(comparison.refused).toBeGreaterThan(10);
  expect(comparison.compared).toBeGreaterThan(300);
});

describe('it would be noticed', () => {
  const first = (change: Partial<BreakerReport>): Run => {
    const [one, ...others] = finish().breakers;
    if (one === undefined) return expect.fail('no breaker');
    return guarded({ finish: { ...finish(), breakers: [{ ...one, ...change }, ...others] } });
  };

  it('if a permit were not returned', () => {
    expect(violated(first({ inFlight: 1 }))).toEqual(['every permit returned']);
    expect(violated(first({ permits: (finish().breakers[0]?.permits ?? 0) + 1 }))).toEqual(['every permit returned']);
  });

  it('if a result were another, or a call refused for nothing', () => {
    const results = run.guarded.results.map((result) => (result[2] === 'fetch get' ? ([...result.slice(0, 5), 'wrong: ""'] as never) : result));
    expect(violated(guarded({ results }))).toEqual(['results equal the twin’s where no circuit was open']);
    expect(violated(guarded({ transitions: [] }))).toContain('refused only while a circuit was open');
  });

  it('if a class of calls were out of service for long after a fault', () => {
    const late = run.ended + 60_000;
    const results = [...run.guarded.results, [1e9, 0, 'redis callback', late, late, 'EBREAKEROPEN'] as const];
    expect(violated(guarded({ results }))).toContain('in service soon after every fault');
  });

  it('if a circuit opened for nothing, or stayed open', () => {
    expect(violated({ ...run, faults: [] })).toContain('no circuit opened without a fault');
    expect(violated({ ...run, stillOpen: ['redis://127.0.0.1:6379 read'] })).toEqual(['no circuit open when all is well']);
  });

  it('if a refused write were carried out, or one that was told done were not', () => {
    const name = 'what callers were told is what the servers hold';
    expect(violated(guarded({ finish: { ...finish(), ledger: {} } }))).toEqual([name]);
    const results = run.guarded.results.map((result) => (result[2] === 'redis ledger' ? ([...result.slice(0, 5), 'EBREAKEROPEN'] as never) : result));
    expect(violated(guarded({ results }))).toContain(name);
  });

  it('if memory grew, handles were left, a warning came or the program did not end', () => {
    const samples = run.guarded.samples.map((sample, index) => ({ ...sample, heapUsed: sample.heapUsed + index * 1_000_000 }));
    expect(violated(guarded({ samples }))).toEqual(['flat memory']);
    const last = { ...finish().last, resources: { Timeout: 99 } };
    expect(violated(guarded({ finish: { ...finish(), last } }))).toEqual(['no handles or timers left']);
    const troubles = [...run.guarded.troubles, { event: 'unhandledRejection', what: 'EBREAKEROPEN', stack: '' }];
    expect(violated(guarded({ troubles }))).toEqual(['no unhandled rejection, exception or warning that the twin has not']);
    expect(violated(guarded({ exit: { code: null, signal: 'SIGKILL', afterMs: 20_000 } }))).toEqual(['ends by itself']);
  });
});
