import { beforeAll, describe, expect, it } from 'vitest';
import { judge, kindOf, late } from '../chaos/policies/judge.ts';
import { policiesRun } from '../chaos/policies/run.ts';
import type { Ended, Report, Story } from '../chaos/policies/types.ts';

// Forty seconds of what `npm run chaos -- policies` does for ten minutes, with a kill of the program in it, and whether it would notice.

let story: Story;
beforeAll(async () => {
  story = await policiesRun({ seconds: 40, seed: 3, perSecond: 100, kills: 1 });
}, 240_000);

const violated = (changed: Story): string[] =>
  judge(changed)
    .checks.filter(({ violations }) => violations.length > 0)
    .map(({ name }) => name);

it('a program with all policies by configuration alone comes through kills, freezes, cuts and switches, and keeps every promise', () => {
  const { checks, figures } = judge(story);
  expect(checks.flatMap(({ name, violations }) => violations.map((each) => `${name}: ${each}`))).toEqual([]);
  expect(figures).toMatchObject({ lives: 2, switchedOff: expect.any(Number) });
  expect(story.faults.length).toBeGreaterThan(8);
  const served = figures['stale'] as Record<string, number>;
  expect(Object.values(served).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20);
  expect(figures['acknowledgedWrites']).toBeGreaterThan(200);
  expect(figures['refusedWhileSwitchedOff']).toBeGreaterThan(20);
});

describe('it would be noticed', () => {
  /** The story with the first operation of some sort told otherwise. */
  const otherwise = (is: (each: Ended) => boolean, change: (each: Ended) => Partial<Ended>): Story => {
    let done = false;
    const lives = story.lives.map((life) => ({
      ...life,
      ended: life.ended.map((each) => {
        if (done || !is(each)) return each;
        done = true;
        return { ...each, ...change(each) };
      }),
    }));
    if (!done) expect.fail('no such operation');
    return { ...story, lives };
  };
  const operations = (): Ended[] => story.lives.flatMap(({ ended }) => ended);
  const kind =
    (name: string, more: (each: Ended) => boolean = () => true) =>
    (each: Ended) =>
      kindOf(each) === name && each.outcome === 'ok' && more(each);
  const fresh = (each: Ended): boolean => each.stale === undefined;

  it('if an answer were to another question', () => {
    expect(violated(otherwise(kind('select', fresh), () => ({ subject: 'select z' })))).toContain('every answer is to the question that was asked');
  });

  it('if a stale answer had never been told, were too old, or not marked', () => {
    const isStale = kind('select', (each) => each.stale !== undefined);
    const never = otherwise(isStale, ({ value }) => ({ value: JSON.parse(JSON.stringify(value).replace(/"answer":"\w+/, '"answer":"never')) }));
    expect(violated(never)).toEqual(['every stale answer was once a true one to the very same question']);
    expect(violated(otherwise(isStale, () => ({ stale: 60_000 })))).toContain('no stale answer is older than allowed');
    expect(violated(otherwise(isStale, () => ({ stale: undefined })))).toContain('what is not marked is new');
    const old = otherwise(
      (each) => each.kind === 'redis0 get' && fresh(each) && each.from > story.began + 5_000,
      ({ subject }) => ({ value: `${subject.split(' ')[1]}#1` }),
    );
    expect(violated(old)).toContain('what is not marked is new');
  });

  it('if an acknowledged write were lost, or overtaken', () => {
    const { subject, order } = operations().find(kind('write')) as Ended;
    const others = story.carriedOut.filter(([key, value]) => key !== subject || value !== String(order));
    expect(violated({ ...story, carriedOut: others })).toContain('no acknowledged write to Redis is lost');
    expect(violated({ ...story, carriedOut: [...others, [subject, String(order)]] })).toEqual(['the order of writes by key holds']);
    expect(
      violated(
        otherwise(
          kind('own', (each) => fresh(each) && each.from > story.began + 15_000),
          () => ({ value: '0' }),
        ),
      ),
    ).toEqual(['what it has written the program reads']);
  });

  it('if what callers were told were not what the servers hold', () => {
    const name = 'what callers were told of other writes is what the servers hold';
    const { subject } = operations().find(kind('insert')) as Ended;
    expect(violated({ ...story, kept: { ...story.kept, pg: story.kept.pg.filter((id) => id !== subject) } })).toEqual([name]);
    expect(violated(otherwise(kind('push'), () => ({ outcome: 'EBREAKEROPEN' })))).toEqual([name]);
  });

  it('if work that is not idempotent were repeated, or anything too often', () => {
    const twice = 'no work that is not idempotent is made twice';
    const [id] = story.kept.redis as [string];
    expect(violated({ ...story, kept: { ...story.kept, redis: [...story.kept.redis, id] } })).toEqual([twice]);
    const post = story.arrivals.find(
      ({ method, call }) =>
        method === 'POST' && story.lives.some(({ ended }) => ended.some(({ subject, kind: of }) => subject === call && of.endsWith(' post'))),
    );
    expect(violated({ ...story, arrivals: [...story.arrivals, post as never] })).toContain(twice);
    const get = story.arrivals.find(({ method, origin }) => method === 'GET' && origin === 'first') as Story['arrivals'][0];
    expect(violated({ ...story, arrivals: [...story.arrivals, ...new Array(3).fill(get)] })).toContain('repetitions keep to their budget and number');
    const wasteful = last({ breakers: [{ ...(report().breakers[0] as Report['breakers'][0]), repeatable: 10, attempts: 1_000 }] });
    expect(violated(wasteful)).toContain('repetitions keep to their budget and number');
  });

  it('if anything were written while writes are switched off', () => {
    const name = 'nothing is written while writes are switched off';
    const refused = (each: Ended): boolean =>
      each.outcome === 'EREADONLYMODE' &&
      kindOf(each) === 'insert' &&
      story.readOnly.some(({ from, to }) => each.from > from + 4_000 + late(story, from, each.from) && each.from < to);
    expect(violated(otherwise(refused, () => ({ outcome: 'ECALLTIMEOUT' })))).toEqual([name]);
    const { subject } = operations().find(refused) as Ended;
    expect(violated({ ...story, kept: { ...story.kept, pg: [...story.kept.pg, subject] } })).toContain(name);
  });

  it('if the second origin got what it must not', () => {
    const name = 'the second origin is asked only where it may be';
    const arrival = { at: 0, origin: 'second', method: 'GET', call: 'x', personal: true } as const;
    expect(violated({ ...story, arrivals: [...story.arrivals, arrival] })).toEqual([name]);
    const answered = story.lives
      .flatMap(({ ended }) => ended)
      .find(
        (each) => each.kind === 'http0 get' && each.outcome === 'ok' && fresh(each) && (each.value as { origin: string }).origin === 'first',
      ) as Ended;
    const again = { ...arrival, personal: false, call: (answered.value as { call: string }).call };
    expect(violated({ ...story, arrivals: [...story.arrivals, again] })).toEqual([name]);
  });

  const report = (): Report => story.lives.at(-1)?.report ?? expect.fail('no report');
  const last = (change: Partial<Report>): Story => ({
    ...story,
    lives: story.lives.map((life, index) => (index === story.lives.length - 1 ? { ...life, report: { ...report(), ...change } } : life)),
  });

  it('if a place, a permit, a queued write or a call were left, or something went unhandled', () => {
    const left = 'no place, permit or queued write is left';
    const [one, ...others] = report().breakers as [Report['breakers'][0], ...Report['breakers']];
    for (const change of [{ places: 1 }, { inFlight: 1 }, { waiting: 1 }])
      expect(violated(last({ breakers: [{ ...one, ...change }, ...others] }))).toEqual([left]);
    expect(violated(last({ queueDepth: 1 }))).toEqual([left]);
    expect(violated(last({ outstanding: 1 }))).toEqual(['every operation comes to an end']);
    expect(violated(otherwise(kind('get'), ({ from }) => ({ from: from - 60_000 })))).toContain('every operation comes to an end');
    const lives = story.lives.map((life) => ({ ...life, troubles: ['unhandledRejection: EBREAKEROPEN'] }));
    expect(violated({ ...story, lives })).toEqual(['nothing is thrown at once, unhandled, warned of or written to stderr']);
  });

  it('if the heap grew, or a kind of call stayed out of service', () => {
    expect(violated(last({ heapUsed: Array.from({ length: 40 }, (_, n) => 1e7 + n * 1e6) }))).toEqual(['the heap does not grow']);
    const lives = story.lives.map((life) => ({
      ...life,
      ended: life.ended.map((each) =>
        each.kind === 'pg0 select' && each.from > story.calm ? { ...each, outcome: 'EBREAKEROPEN', value: undefined, stale: undefined } : each,
      ),
    }));
    expect(violated({ ...story, lives })).toEqual(['afterwards everything is in service']);
  });
});
