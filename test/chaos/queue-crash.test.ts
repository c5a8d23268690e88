import { describe, expect, test } from 'vitest';
import { crashRun, judge, type Life } from './crash-run.ts';

const life = (run: number, ...lines: string[]): Life => ({ run, lines, stderr: '', killed: true });
const last = (run: number, ...lines: string[]): Life => ({ ...life(run, ...lines, 'E'), killed: false });

describe('the judge of crashes', () => {
  const none = new Set<string>();
  const faultsOf = (lives: Life[], letters = none) => judge(lives, letters, 1).faults;

  test('sees what was lost, out of order, twice in a life, or corrupt', () => {
    expect(faultsOf([life(1, 'A 1.1 0', 'A 1.2 0', 'D 1.1 0'), last(2, 'D 1.1 0', 'D 1.2 0')])).toEqual([]);
    expect(faultsOf([life(1, 'A 1.1 0'), last(2)])).toEqual(['lost: 1.1 0']);
    expect(faultsOf([life(1, 'A 1.1 0', 'P 1.1 0'), last(2)], new Set(['1.1 0']))).toEqual([]);
    expect(faultsOf([last(1, 'D 1.2 0', 'D 1.1 0')])).toHaveLength(2);
    expect(faultsOf([life(1, 'D 1.1 0', 'D 1.2 0'), last(2, 'D 1.1 0')])).toEqual(['not the last one at last in 0: 1.1 0 instead of 1.2 0']);
    expect(faultsOf([life(1, 'D 1.1 0', 'D 1.2 0'), last(2, 'D 1.1 0', 'D 1.2 0', 'D 2.1 0')])).toEqual([]);
    expect(faultsOf([life(1, 'D 1.1 0', 'D 1.2 0'), last(2, 'D 1.1 0', 'D 2.1 0')])).toEqual([
      'an older one was left standing in 0: 1.1 0 instead of 1.2 0',
    ]);
    expect(faultsOf([last(1, 'D 1.1 0', 'D 1.1 0')])).toEqual(['arrived twice in one life: run 1']);
    expect(faultsOf([last(1, 'C 1.1 0')])).toEqual(['corrupt: 1.1 0']);
    expect(faultsOf([life(1)])).toEqual(['the last one did not drain the queue']);
  });
});

describe('a durable queue whose processes are killed at random moments', () => {
  test('loses nothing that was acknowledged, corrupts nothing, keeps the order of each key', async () => {
    const report = await crashRun({ kills: 24 });
    expect(report.faults).toEqual([]);
    expect(report.kills).toBe(24);
    expect(report.acknowledged).toBeGreaterThan(100);
    expect(report.midReplay).toBeGreaterThan(2);
  }, 120_000);

  test('does so with several processes on one path', async () => {
    const report = await crashRun({ kills: 8, processes: 2 });
    expect(report.faults).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(20);
  }, 120_000);
});
