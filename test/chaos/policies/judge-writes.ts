import { allOf, kindOf, late, systemOf, wrote } from './judge.ts';
import type { Ended, Story } from './types.ts';

/** The file is looked at once a second; a process that has just started, or is busy, takes a moment more. In ms. */
const switchedMs = 3_500;

/** Writes: none acknowledged is lost or out of order, none is made twice or while writes are switched off. */
export function checkWrites(story: Story): Record<string, readonly string[]> {
  const all = allOf(story);
  return {
    'no acknowledged write to Redis is lost': lost(story, all),
    'the order of writes by key holds': order(story),
    'what it has written the program reads': ownReads(all),
    'what callers were told of other writes is what the servers hold': told(story, all),
    'no work that is not idempotent is made twice': twice(story),
    'nothing is written while writes are switched off': switchedOff(story, all),
  };
}

const setsOf = (all: readonly Ended[]): Ended[] => all.filter((each) => kindOf(each) === 'write');

function byKey(story: Story): Map<string, number[]> {
  const orders = new Map<string, number[]>();
  for (const [key, value] of story.carriedOut) {
    if (!key.startsWith('w:')) continue;
    const list = orders.get(key) ?? [];
    list.push(Number(value));
    orders.set(key, list);
  }
  return orders;
}

function lost(story: Story, all: readonly Ended[]): string[] {
  const carried = new Map([...byKey(story)].map(([key, orders]) => [key, new Set(orders)]));
  return setsOf(all).flatMap(({ subject, order = 0, outcome }) =>
    outcome === 'ok' && carried.get(subject)?.has(order) !== true ? [`${subject}: ${order}`] : [],
  );
}

/**
 * Each for the first time in the order of the calls. What was sent, and whose answer was lost with a connection or the program, may come again:
 * the tail of the order, up to its newest, before anything new.
 */
function order(story: Story): string[] {
  return [...byKey(story)].flatMap(([key, orders]) => {
    const wrong: string[] = [];
    let newest = 0;
    let before = 0;
    for (const each of orders) {
      if (each > newest && before !== newest) wrong.push(`${key}: ${each} while ${before} stood instead of ${newest}`);
      if (each < newest && orders.indexOf(each) === orders.lastIndexOf(each)) wrong.push(`${key}: ${each} for the first time after ${newest}`);
      newest = Math.max(newest, each);
      before = each;
    }
    if (before !== newest) wrong.push(`${key}: ${before} at the end instead of ${newest}`);
    return wrong;
  });
}

/** In its own process a write is seen from when it is acknowledged. */
function ownReads(all: readonly Ended[]): string[] {
  const acknowledged = new Map<string, Ended[]>();
  for (const each of setsOf(all)) {
    if (each.outcome === 'ok') acknowledged.set(each.subject, [...(acknowledged.get(each.subject) ?? []), each]);
  }
  return all.flatMap((each) => {
    if (kindOf(each) !== 'own' || each.outcome !== 'ok' || each.stale !== undefined) return [];
    const least = Math.max(0, ...(acknowledged.get(each.subject) ?? []).filter(({ to }) => to < each.from).map(({ order = 0 }) => order));
    return Number(each.value ?? 0) >= least ? [] : [`${each.subject}: ${each.value}, acknowledged was ${least}`];
  });
}

/** Done is done: lists of Redis and rows of PostgreSQL, transactions whole. */
function told(story: Story, all: readonly Ended[]): string[] {
  const held = new Set([...story.kept.redis, ...story.kept.pg]);
  return all.flatMap((each) => {
    const kind = kindOf(each);
    const ids = kind === 'transaction' ? [`${each.subject}a`, `${each.subject}b`] : [each.subject];
    if (!['push', 'pipeline', 'multi', 'insert', 'transaction'].includes(kind)) return [];
    const there = ids.filter((id) => held.has(id)).length;
    if (each.outcome === 'ok' && there < ids.length) return [`${each.kind} ${each.subject}: ok, and not there`];
    if (there > 0 && there < ids.length) return [`${each.kind} ${each.subject}: half of it is there`];
    const refused = /^E(BREAKEROPEN|BULKHEADFULL|RATELIMITED|READONLYMODE)$/.test(each.outcome) && kind !== 'transaction';
    return refused && there > 0 ? [`${each.kind} ${each.subject}: ${each.outcome}, and yet it is there`] : [];
  });
}

function twice(story: Story): string[] {
  const wrong: string[] = [];
  for (const [where, list] of Object.entries(story.kept)) {
    const seen = new Set<string>();
    for (const id of list) {
      if (seen.has(id)) wrong.push(`${where} ${id}`);
      seen.add(id);
    }
  }
  const requests = new Map<string, number>();
  for (const { call } of story.arrivals) requests.set(call, (requests.get(call) ?? 0) + 1);
  const kinds = new Map<string, string>();
  for (const each of allOf(story)) if (systemOf(each) === 'http') kinds.set(each.subject, kindOf(each));
  for (const [call, count] of requests) {
    const kind = kinds.get(call);
    if ((kind === 'post' || kind === 'streamed') && count > 1) wrong.push(`http ${kind} ${call}: ${count} requests`);
  }
  return wrong;
}

function switchedOff(story: Story, all: readonly Ended[]): string[] {
  const carried = new Map([...byKey(story)].map(([key, orders]) => [key, new Set(orders)]));
  const held = new Set([...story.kept.redis, ...story.kept.pg, ...story.arrivals.map(({ call }) => call)]);
  return all.flatMap((each) => {
    const { kind, subject, from, to, order = 0, outcome } = each;
    // A transaction waits for a connection before it begins.
    const ended = kindOf(each) === 'transaction' ? to : from;
    if (!wrote.has(kindOf(each)) || !story.readOnly.some((off) => from > off.from + switchedMs + late(story, off.from, from) && ended < off.to))
      return [];
    const there = kindOf(each) === 'write' ? carried.get(subject)?.has(order) : [subject, `${subject}a`].some((id) => held.has(id));
    // A transaction begins with a connection, which an open circuit may refuse.
    if (outcome !== 'EREADONLYMODE' && (outcome === 'ok' || kindOf(each) !== 'transaction')) return [`${kind} ${subject}: ${outcome}`];
    return there === true ? [`${kind} ${subject}: refused, and yet it is there`] : [];
  });
}
