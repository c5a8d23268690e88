import { Redis } from 'ioredis';
import { parsePrometheus, samplesOf } from '../../test/support/prometheus.ts';
import type { Sample } from './load.ts';

/** What became of the reads and writes that one shop was asked for while its store was dead. */
export interface Bridged {
  shop: 'without' | 'with';
  reads: number;
  answered: number;
  writes: number;
  /** Writes of which the shop said that they are made. */
  accepted: number;
  /** Of these, those that the store has afterwards. */
  found: number;
}

/** @param samples the requests that started while the store was dead */
export async function bridgedIn(shop: Bridged['shop'], samples: readonly Sample[], redisUrl: string): Promise<Bridged> {
  const good = samples.filter(({ error }) => error === '');
  const saved = good.flatMap(({ saved: cart }) => (cart === undefined ? [] : [cart]));
  const redis = new Redis(redisUrl);
  try {
    const carts = saved.length === 0 ? [] : await redis.mget(saved.map((cart) => `cart:${cart}`));
    const found = saved.filter((cart, at) => carts[at] === JSON.stringify({ tea: cart })).length;
    const writes = samples.filter(({ saved: cart }) => cart !== undefined).length;
    return { shop, reads: samples.length - writes, answered: good.length - saved.length, writes, accepted: saved.length, found };
  } finally {
    redis.disconnect();
  }
}

/** How many calls the protected shop served otherwise, as its metrics have it. */
export interface Served {
  stale: number;
  queue: number;
}

export async function readServed(metricsUrl: string): Promise<Served> {
  const response = await fetch(metricsUrl, { signal: AbortSignal.timeout(2_000) });
  const families = parsePrometheus(await response.text());
  const count = (type: string) =>
    samplesOf(families, 'breaker_fallback_calls_total', { breaker_fallback_type: type, breaker_outcome: 'success' }).reduce(
      (total, { value }) => total + value,
      0,
    );
  return { stale: count('stale'), queue: count('queue') };
}

export function bridgedSummary(bridged: readonly Bridged[], { stale, queue }: Served): string {
  const lines = bridged.map(({ shop, reads, answered, writes, accepted, found }) => {
    const kept = `${accepted} of ${writes} writes accepted, ${found} of them in Redis afterwards: ${accepted - found} lost`;
    const ways = shop === 'with' ? ` (${stale} reads got their last good answer, ${queue} writes went by the queue)` : '';
    return `  ${shop.padEnd(7)}  ${answered} of ${reads} reads answered; ${kept}${ways}`;
  });
  return ['While Redis was dead:', ...lines].join('\n');
}

/** Share of the requests: on a machine too busy for them, some clients give up before their turn comes. */
const enough = 0.9;

/** Why it is not as promised; empty when it is. */
export function bridgedProblems(bridged: readonly Bridged[], { stale, queue }: Served): string[] {
  const problems: string[] = [];
  for (const { shop, reads, answered, writes, accepted, found } of bridged) {
    if (shop !== 'with') continue;
    if (answered < reads * enough)
      problems.push(`while Redis was dead, the protected shop left ${reads - answered} of ${reads} reads without an answer`);
    if (accepted < writes * enough) problems.push(`while Redis was dead, the protected shop accepted only ${accepted} of ${writes} writes`);
    if (found < accepted) problems.push(`${accepted - found} writes that the protected shop had accepted are not in Redis`);
  }
  if (stale === 0) problems.push('the metrics endpoint shows no stale answer');
  if (queue === 0) problems.push('the metrics endpoint shows no queued write');
  return problems;
}
