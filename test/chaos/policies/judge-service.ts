import { slope } from '../../soak/trend.ts';
import { allOf, kindOf, late, systemOf } from './judge.ts';
import type { Ended, Story } from './types.ts';

/** Growth of the heap per second that is no leak, in bytes: answers are kept, queues fill up and empty. */
const growth = 60_000;
/** How long all kinds of operation may take to succeed again when all is well, in ms. */
const serviceMs = 20_000;
const serverErrors = new Set(['status 503', 'status 500']);

/** Everything else: limits, other origins, what is left behind, and that all is well in the end. */
export function checkService(story: Story): Record<string, readonly string[]> {
  const all = allOf(story);
  return {
    'repetitions keep to their budget and number': repetitions(story, all),
    'the second origin is asked only where it may be': secondOrigin(story, all),
    'every operation comes to an end': settled(story, all),
    'no place, permit or queued write is left': leftBehind(story),
    'nothing is thrown at once, unhandled, warned of or written to stderr': [
      ...story.lives.flatMap(({ troubles }) => troubles),
      ...all.flatMap(({ kind, outcome }) => (outcome.startsWith('thrown ') ? [`${kind}: ${outcome}`] : [])),
    ],
    'the heap does not grow': heap(story),
    'afterwards everything is in service': service(story, all),
  };
}

function repetitions(story: Story, all: readonly Ended[]): string[] {
  const { attempts, budget } = story.limits;
  const wrong: string[] = [];
  for (const { name, repeatable, attempts: made, mostAttempts } of story.lives.at(-1)?.report?.breakers ?? []) {
    const life = story.lives.at(-1);
    const seconds = ((life?.to ?? 0) - (life?.from ?? 0)) / 1_000;
    const most = budget.ratio * repeatable + budget.minPerSecond * (seconds + 1) + 1;
    if (made - repeatable > most) wrong.push(`${name}: ${made - repeatable} repetitions of ${repeatable} calls in ${Math.round(seconds)} s`);
    if (mostAttempts > attempts) wrong.push(`${name}: a call had ${mostAttempts} attempts`);
  }
  const first = new Map<string, number>();
  for (const { origin, call } of story.arrivals) if (origin === 'first') first.set(call, (first.get(call) ?? 0) + 1);
  for (const [call, count] of first) if (count > attempts) wrong.push(`http ${call}: ${count} requests`);
  // Over all lives, as the server counts: each process begins with what its budget allows at once.
  const calls = all.filter((each) => systemOf(each) === 'http').length;
  const extra = [...first.values()].reduce((sum, count) => sum + count - 1, 0);
  const seconds = ((story.lives.at(-1)?.to ?? 0) - story.began) / 1_000;
  const allowed = budget.ratio * calls + 2 * budget.minPerSecond * (seconds + story.lives.length) + 2 * story.lives.length;
  if (extra > allowed) wrong.push(`http: ${extra} repetitions of ${calls} calls, allowed ${Math.round(allowed)}`);
  return wrong;
}

function secondOrigin(story: Story, all: readonly Ended[]): string[] {
  const at = { first: new Set<string>(), second: new Set<string>() };
  for (const { origin, call } of story.arrivals) at[origin].add(call);
  const wrong = story.arrivals.flatMap(({ origin, personal, call }) => (origin === 'second' && personal ? [`with credentials: ${call}`] : []));
  for (const each of all) {
    if (systemOf(each) !== 'http') continue;
    const answer = each.value as { origin?: string; call?: string } | undefined;
    const call = answer?.call ?? '';
    const kind = kindOf(each);
    // A stale answer has gone to both, if anywhere.
    if (each.outcome === 'ok' && each.stale === undefined && answer?.origin === 'first' && at.second.has(call))
      wrong.push(`${each.kind} ${call}: the first had answered`);
    if ((kind === 'post' || kind === 'streamed') && at.first.has(each.subject) && at.second.has(each.subject))
      wrong.push(`${each.kind} ${each.subject}: at both`);
  }
  return wrong;
}

function settled(story: Story, all: readonly Ended[]): string[] {
  const { lives, limits } = story;
  const left = lives.at(-1)?.report?.outstanding ?? -1;
  return [
    ...(left === 0 ? [] : [`${left} operations under way at the end`]),
    ...all.flatMap(({ kind, subject, from, to }) =>
      to - from > limits.longestMs + 2 * late(story, from, to) ? [`${kind} ${subject}: ${to - from} ms`] : [],
    ),
  ];
}

function leftBehind({ lives }: Story): string[] {
  const report = lives.at(-1)?.report;
  if (report === undefined) return ['nobody tells'];
  return [
    ...(report.queueDepth === 0 ? [] : [`${report.queueDepth} queued writes`]),
    ...report.breakers.flatMap(({ name, inFlight, places, waiting }) =>
      inFlight + places + waiting === 0 ? [] : [`${name}: ${inFlight} permits, ${places} places, ${waiting} waiting`],
    ),
    ...(lives.at(-1)?.killed === true ? ['it did not end by itself'] : []),
  ];
}

function heap({ lives }: Story): string[] {
  const samples = lives.at(-1)?.report?.heapUsed ?? [];
  if (samples.length < 24) return [];
  const perSecond = slope(samples.slice(samples.length / 3).map((bytes, index) => [index * 5, bytes] as const));
  return perSecond > growth ? [`${Math.round(perSecond)} bytes per second`] : [];
}

/** Of each kind: succeeds, anew, and then no more failures; as far as the machine lets the program run at all. */
function service(story: Story, all: readonly Ended[]): string[] {
  const { calm } = story;
  const after = new Map<string, Ended[]>();
  for (const each of all)
    if (each.from > calm && late(story, each.from - 3_000, each.to) < 500) after.set(each.kind, [...(after.get(each.kind) ?? []), each]);
  const kinds = new Set(all.map(({ kind }) => kind));
  return [...kinds].flatMap((kind) => {
    const list = after.get(kind) ?? [];
    const isWell = (each: Ended): boolean => each.outcome === 'ok' && each.stale === undefined;
    if (list.length > 0 && !list.some(isWell)) return [`${kind}: never`];
    const late = list.filter((each) => each.from > calm + serviceMs && !isWell(each) && !serverErrors.has(each.outcome));
    return late.map(({ outcome, from }) => `${kind}: ${outcome} ${from - calm} ms after the last fault`);
  });
}
