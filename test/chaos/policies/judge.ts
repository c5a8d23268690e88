import { checkAnswers } from './judge-answers.ts';
import { checkService } from './judge-service.ts';
import { checkWrites } from './judge-writes.ts';
import type { Ended, Story } from './types.ts';

/** One rule, and what was found against it. */
export interface Check {
  readonly name: string;
  readonly violations: readonly string[];
}

export interface Verdict {
  readonly checks: readonly Check[];
  readonly figures: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
}

export function judge(story: Story): Verdict {
  const checks = { ...checkAnswers(story), ...checkWrites(story), ...checkService(story) };
  return { checks: Object.entries(checks).map(([name, violations]) => ({ name, violations })), figures: figuresOf(story) };
}

/** Every operation of every life. */
export const allOf = ({ lives }: Story): Ended[] => lives.flatMap(({ ended }) => ended);

/** For how long, in ms, the program did not get to run between two times: a machine that has other things to do is no fault of the policies. */
export function late({ lives }: Pick<Story, 'lives'>, from: number, to: number): number {
  const overlap = (begin: number, end: number): number => Math.max(0, Math.min(end, to) - Math.max(begin, from));
  return lives.flatMap(({ stalls }) => stalls).reduce((sum, [begin, end]) => sum + overlap(begin, end), 0);
}

/** `redis0 get` is `get`. */
export const kindOf = ({ kind }: Ended): string => kind.split(' ')[1] ?? '';
export const systemOf = ({ kind }: Ended): string => kind.replace(/\d.*$/, '');

export const wrote: ReadonlySet<string> = new Set([
  'write',
  'push',
  'pipeline',
  'multi',
  'insert',
  'transaction',
  'post',
  'known',
  'put',
  'streamed',
]);

/** What the run was about, for whoever reads its verdict. */
function figuresOf(story: Story): Verdict['figures'] {
  const all = allOf(story);
  const count = (list: readonly string[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const each of list) counts[each] = (counts[each] ?? 0) + 1;
    return counts;
  };
  const report = story.lives.at(-1)?.report;
  return {
    seconds: Math.round((story.calm - story.began) / 1_000),
    lives: story.lives.length,
    faults: count(story.faults.map(({ kind }) => kind)),
    operations: all.length,
    outcomes: count(all.map(({ outcome }) => outcome)),
    stale: count(all.filter(({ stale }) => stale !== undefined).map(systemOf)),
    acknowledgedWrites: all.filter((each) => kindOf(each) === 'write' && each.outcome === 'ok').length,
    carriedOut: story.carriedOut.filter(([key]) => key.startsWith('w:')).length,
    stalledMs: story.lives.reduce((sum, { stalls }) => sum + stalls.reduce((all, [from, to]) => all + to - from, 0), 0),
    switchedOff: story.readOnly.length,
    refusedWhileSwitchedOff: all.filter(({ outcome }) => outcome === 'EREADONLYMODE').length,
    arrivals: count(story.arrivals.map(({ origin }) => origin)),
    servedInLastLife: (report?.breakers ?? []).reduce<Record<string, number>>((sum, { fallbacks }) => {
      for (const [type, served] of Object.entries(fallbacks)) sum[type] = (sum[type] ?? 0) + served;
      return sum;
    }, {}),
    repeatedInLastLife: (report?.breakers ?? []).reduce((sum, { attempts, repeatable }) => sum + attempts - repeatable, 0),
  };
}
