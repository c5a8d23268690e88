import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { OtlpReceiver, ReceivedSpan } from '../../test/support/servers/otlp-receiver.ts';

/** The received spans that a breaker made, by what they tell (TELEMETRY's names). */
export interface BreakerSpans {
  openings: ReceivedSpan[];
  outages: ReceivedSpan[];
  rejections: ReceivedSpan[];
  probes: ReceivedSpan[];
  /** Calls that a stale answer or the queue served. */
  served: ReceivedSpan[];
}

export function breakerSpans(spans: readonly ReceivedSpan[]): BreakerSpans {
  const own = spans.filter(({ name }) => name.startsWith('breaker '));
  const openings = own.filter(({ name }) => name.startsWith('breaker open '));
  const outages = own.filter(({ name }) => name.startsWith('breaker outage '));
  const calls = own.filter((span) => span.name === `breaker ${span.attributes['breaker.name']}`);
  const rejected = (span: ReceivedSpan) => span.attributes['error.type'] === 'circuit_breaker_open';
  const served = (span: ReceivedSpan) => span.attributes['breaker.fallback.type'] !== undefined;
  const probes = calls.filter((span) => !rejected(span) && !served(span));
  return { openings, outages, rejections: calls.filter(rejected), probes, served: calls.filter(served) };
}

/** Of each breaker this many traces with a rejection or a call served otherwise are kept in the file; all with anything else of a breaker are. */
const rejectionsKept = 20;

/**
 * Writes the traces in which a breaker did something, and those that its spans link to, as one OTLP JSON object (Jaeger's
 * page takes it by "Upload"). The ordinary traffic is left out: it would be most of the file and tell nothing.
 * @returns the number of traces written
 */
export async function writeTraces(file: string, receiver: OtlpReceiver): Promise<number> {
  const { openings, outages, rejections, probes, served } = breakerSpans(receiver.spans);
  const seen = new Map<unknown, number>();
  const some = [...rejections, ...served].filter((span) => {
    const count = (seen.get(span.name) ?? 0) + 1;
    seen.set(span.name, count);
    return count <= rejectionsKept;
  });
  const kept = new Set<string>();
  for (const span of [...openings, ...outages, ...probes, ...some]) {
    kept.add(span.traceId);
    for (const link of span.links) kept.add(link.traceId);
  }
  const resourceSpans = receiver.requests.filter(({ signal }) => signal === 'traces').flatMap(({ body }) => only(body['resourceSpans'], kept));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify({ resourceSpans }));
  return kept.size;
}

type Resource = { scopeSpans?: { spans?: { traceId: string }[] }[] };

function only(resources: unknown, traceIds: ReadonlySet<string>): Resource[] {
  if (!Array.isArray(resources)) return [];
  return (resources as Resource[])
    .map((resource) => ({
      ...resource,
      scopeSpans: (resource.scopeSpans ?? [])
        .map((scope) => ({ ...scope, spans: (scope.spans ?? []).filter(({ traceId }) => traceIds.has(traceId)) }))
        .filter(({ spans }) => spans.length > 0),
    }))
    .filter(({ scopeSpans }) => scopeSpans.length > 0);
}
