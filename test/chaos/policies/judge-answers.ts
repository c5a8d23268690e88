import { allOf, kindOf, late, systemOf } from './judge.ts';
import type { Ended, Life, Story, Version } from './types.ts';

/** An event loop that is busy tells later what came earlier, in ms. */
const lateMs = 1_500;

/** Answers: each to its own question; a stale one was once a true one, is marked, and not too old. */
export function checkAnswers(story: Story): Record<string, readonly string[]> {
  const all = allOf(story).filter(({ outcome, value }) => outcome === 'ok' && value !== undefined);
  const versions = new Map<string, Version[]>();
  for (const version of story.versions) versions.set(version.key, [...(versions.get(version.key) ?? []), version]);
  return {
    'every answer is to the question that was asked': all.flatMap((each) =>
      isToItsQuestion(each) ? [] : [`${each.kind} ${each.subject}: ${show(each)}`],
    ),
    'every stale answer was once a true one to the very same question': story.lives.flatMap((life) => stale(life)),
    'no stale answer is older than allowed': all.flatMap((each) =>
      each.stale !== undefined && each.stale > story.limits.maxAgeMs ? [`${each.kind} ${each.subject}: ${Math.round(each.stale)} ms`] : [],
    ),
    'what is not marked is new': [
      ...all.flatMap((each) => (each.stale === undefined ? oldVersions(each, versions) : [])),
      ...story.lives.flatMap((life) => repeated(life.ended)),
    ],
  };
}

const show = ({ value }: Ended): string => JSON.stringify(value)?.slice(0, 160) ?? 'nothing';

/** Texts of values that say what they are the answer to. */
function textsOf({ value }: Ended): string[] {
  return (Array.isArray(value) ? value : [value]).map(String);
}

function isToItsQuestion(each: Ended): boolean {
  const { subject, value } = each;
  switch (kindOf(each)) {
    case 'get':
    case 'personal':
      if (systemOf(each) === 'http') return (value as { path: string }).path === subject;
      return value === null || String(value).startsWith(`${subject.replace('get ', '')}#`);
    case 'buffer':
      return value === null || String(value).startsWith(`Buffer ${subject.replace('buffer ', '')}#`);
    case 'many':
      return subject
        .replace('many ', '')
        .split(',')
        .every((key, index) => ((text) => text === 'null' || text.startsWith(`${key}#`))(textsOf(each)[index] ?? ''));
    case 'select':
    case 'held':
      return (value as [{ question: string }])[0].question === subject.replace('select ', '') && hasTypes(value as unknown[]);
    case 'own':
      return value === null || /^\d+$/.test(String(value));
    default:
      return true;
  }
}

function hasTypes([row, fields, rowCount, command]: unknown[]): boolean {
  const { n, b, d, nothing } = row as Record<string, unknown>;
  const types = n === '1.5' && b === 'Buffer \u0000ÿ' && /^Date 2024-02-(28|29)T/.test(String(d)) && nothing === null;
  return types && fields === 'question,answer,n,b,d,nothing' && rowCount === 1 && command === 'SELECT';
}

/** Questions whose every fresh answer is another one: by the answer alone it is known which it was. */
function uniqueAnswer(each: Ended): string | undefined {
  const kind = kindOf(each);
  if (kind === 'select' || kind === 'held') return JSON.stringify(each.value);
  if (systemOf(each) === 'http' && kind === 'get') return JSON.stringify({ ...(each.value as object), call: '' });
  return undefined;
}

/** By kinds that ask the same, in whatever form. */
const questionOf = ({ kind, subject }: Ended): string => `${kind.split(' ')[0]} ${subject.replace('buffer ', 'get ')}`;

const answerOf = (each: Ended): string => uniqueAnswer(each) ?? JSON.stringify(each.value).replace('Buffer ', '');

function stale(life: Life): string[] {
  const { ended } = life;
  const fresh = new Map<string, Ended[]>();
  for (const each of ended) {
    if (each.outcome !== 'ok' || each.stale !== undefined) continue;
    const question = questionOf(each);
    fresh.set(question, [...(fresh.get(question) ?? []), each]);
  }
  return ended.flatMap((each) => {
    if (each.stale === undefined) return [];
    const text = answerOf(each);
    const toldAt = each.to - each.stale;
    const true_ = (fresh.get(questionOf(each)) ?? []).some(
      (one) =>
        answerOf(one) === text && Math.abs(one.to - toldAt) < lateMs + (each.to - each.from) + late({ lives: [life] }, one.from - lateMs, one.to),
    );
    return true_ ? [] : [`${each.kind} ${each.subject}: ${show(each)}, ${Math.round(each.stale)} ms old`];
  });
}

/** The same answer twice, and neither of them marked as stale. */
function repeated(ended: readonly Ended[]): string[] {
  const seen = new Map<string, Ended>();
  return ended.flatMap((each) => {
    const answer = each.outcome === 'ok' && each.stale === undefined ? uniqueAnswer(each) : undefined;
    if (answer === undefined) return [];
    const before = seen.get(answer);
    seen.set(answer, each);
    return before === undefined ? [] : [`${each.kind} ${each.subject}: ${show(each)}`];
  });
}

/** What somebody else had been told is written before the call began must be seen by it. */
function oldVersions(each: Ended, versions: ReadonlyMap<string, readonly Version[]>): string[] {
  if (systemOf(each) !== 'redis' || !['get', 'buffer', 'many'].includes(kindOf(each))) return [];
  const keys = each.subject.split(' ')[1]?.split(',') ?? [];
  return keys.flatMap((key, index) => {
    const seen = Number(/#(\d+)$/.exec(textsOf(each)[index] ?? '')?.[1] ?? 0);
    const known = versions.get(key) ?? [];
    const least = known.findLast(({ to }) => to < each.from)?.version ?? 0;
    const most = known.findLast(({ from }) => from <= each.to + 5)?.version ?? 0;
    return seen >= least && seen <= most ? [] : [`${each.kind} ${key}: version ${seen}, written were ${least} to ${most}`];
  });
}
