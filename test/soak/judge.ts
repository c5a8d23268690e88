import { type Comparison, compare } from './compare.ts';
import { checkLedger } from './ledger.ts';
import { faultTimes, meets, openTimes } from './times.ts';
import { slope } from './trend.ts';
import type { Run, Story } from './types.ts';

export interface Check {
  readonly name: string;
  readonly measured: string;
  readonly violations: readonly string[];
}

export interface Verdict {
  readonly checks: readonly Check[];
  readonly comparison: Comparison;
  readonly good: boolean;
}

/** Beyond the twin's growth, in bytes over the second half: what caches and compiled code of our own may take. */
const heapAllowance = 2_000_000;
/** An operation's end may be that far behind a fault's, in ms, before an opening has nothing to do with it. */
const lateOpeningMs = 6_000;
/** So long after the last fault of a lane nothing may be refused any more, in ms: a second, and what a busy machine takes. */
const backInServiceMs = 3_000;
/** While calls of the unprotected program take longer, in ms, the server is not back for anybody. */
const slowTwinMs = 1_000;

export function judge(run: Run): Verdict {
  const { guarded, twin } = run;
  const comparison = compare(run);
  const breakers = guarded.finish?.breakers ?? [];
  const permits = breakers.reduce((sum, breaker) => sum + breaker.permits, 0);
  const settled = breakers.reduce((sum, { calls }) => sum + total(calls), 0);
  const growth = { guarded: heapGrowth(guarded), twin: heapGrowth(twin) };
  const strange = openedWithoutReason(run);
  const checks: Check[] = [
    {
      name: 'results equal the twin’s where no circuit was open',
      measured: `${comparison.compared} of ${comparison.total} compared, ${comparison.odd.length} odd in the twin or in both`,
      violations: [...comparison.differences, ...(comparison.compared === 0 ? ['nothing could be compared'] : [])],
    },
    { name: 'refused only while a circuit was open', measured: `${comparison.refused} refused`, violations: comparison.unfounded },
    { name: 'no circuit opened without a fault', measured: `${openings(guarded)} openings, ${run.faults.length} faults`, violations: strange },
    {
      name: 'no circuit open when all is well',
      measured: `${breakers.length} breakers, slowest ${slowestRecovery(run)}`,
      violations: run.stillOpen,
    },
    { name: 'in service soon after every fault', measured: `within ${backInServiceMs} ms`, violations: refusedLate(run) },
    {
      name: 'every permit returned',
      measured: `${permits} admitted, ${settled} settled`,
      violations: breakers
        .filter(({ inFlight, permits: given, calls }) => inFlight !== 0 || given !== total(calls))
        .map(({ name, inFlight, permits: given, calls }) => `${name}: ${given} admitted, ${total(calls)} settled, ${inFlight} in flight`),
    },
    {
      name: 'every operation came to an end',
      measured: `${guarded.outstanding} outstanding, twin ${twin.outstanding}`,
      violations: guarded.outstanding > twin.outstanding ? [`${guarded.outstanding} did not`] : [],
    },
    {
      name: 'what callers were told is what the servers hold',
      measured: `twin: ${checkLedger(twin).length} wrong`,
      violations: checkLedger(guarded),
    },
    {
      name: 'no unhandled rejection, exception or warning that the twin has not',
      measured: `${guarded.troubles.length}, twin ${twin.troubles.length}`,
      violations: guarded.troubles
        .filter(({ event, what }) => !twin.troubles.some((other) => other.event === event && other.what === what))
        .map(({ event, what, stack }) => `${event}: ${what}\n${stack}`),
    },
    {
      name: 'flat memory',
      measured: `${kilobytes(growth.guarded)} in the second half, twin ${kilobytes(growth.twin)}; at the end ${kilobytes(lastHeap(guarded))}, twin ${kilobytes(lastHeap(twin))}`,
      violations: growth.guarded > Math.max(0, growth.twin) + heapAllowance ? ['grows'] : [],
    },
    { name: 'no handles or timers left', measured: resources(guarded), violations: moreResources(guarded, twin) },
    {
      name: 'ends by itself',
      measured: `${guarded.exit?.afterMs} ms, twin ${twin.exit?.afterMs} ms`,
      violations: guarded.exit?.code === 0 ? [] : [`${guarded.exit?.signal ?? guarded.exit?.code}`],
    },
  ];
  return { checks, comparison, good: checks.every(({ violations }) => violations.length === 0) };
}

/** Of the faults that nothing else came after before the circuits had closed. */
function slowestRecovery(run: Run): string {
  const recoveries = run.lanes.flatMap(({ name, port }) => {
    const open = openTimes(run, port);
    const faults = run.faults.filter(({ lanes }) => lanes.includes(name));
    return faults.flatMap(({ kind, to: over }, index) => {
      const next = faults[index + 1]?.from ?? Number.POSITIVE_INFINITY;
      const closed = Math.max(0, ...open.filter(([from, to]) => from <= over && to > over).map(([, to]) => to));
      return closed > 0 && closed < next ? [{ text: `${name} ${kind}`, ms: closed - over }] : [];
    });
  });
  const slowest = recoveries.toSorted((a, b) => b.ms - a.ms)[0];
  return slowest === undefined ? 'none' : `${(slowest.ms / 1_000).toFixed(1)} s after ${slowest.text}`;
}

/**
 * Refused long after the lane's last fault was over, a closed circuit had opened in its wake, or the unprotected program had to
 * wait. What counts is when the refusal came: operations of several calls begin earlier.
 */
function refusedLate(run: Run): string[] {
  const waits = run.lanes.map((_, lane) => run.twin.results.filter((each) => each[1] === lane && each[4] - each[3] > slowTwinMs));
  const late = new Map<string, { times: number; longest: number }>();
  for (const [, index, kind, , at, outcome] of run.guarded.results) {
    const lane = run.lanes[index];
    if (lane === undefined || outcome !== 'EBREAKEROPEN') continue;
    const { name, port } = lane;
    const faults = run.faults.filter((fault) => fault.lanes.includes(name) && fault.from <= at).map(({ to }) => to);
    // One that re-opens goes on: its probes had failed although the server was back.
    const openings = run.guarded.transitions.filter((each) => each.port === port && each.from === 'closed' && each.to === 'open' && each.at <= at);
    const twin = (waits[index] ?? []).filter(([, , , from]) => from <= at).map(([, , , , to]) => Math.min(to, at));
    const after = at - Math.max(...faults, ...openings.map((each) => each.at), ...twin);
    if (after <= backInServiceMs) continue;
    const what = `${kind} on ${name}`;
    const known = late.get(what) ?? { times: 0, longest: 0 };
    late.set(what, { times: known.times + 1, longest: Math.max(known.longest, after) });
  }
  return [...late].map(([what, { times, longest }]) => `${what}: refused ${times} times, up to ${longest} ms after`);
}

function total(calls: Readonly<Record<string, number>>): number {
  return Object.values(calls).reduce((sum, count) => sum + count, 0);
}

function openings({ transitions }: Story): number {
  return transitions.filter(({ from, to }) => from === 'closed' && to === 'open').length;
}

function openedWithoutReason(run: Run): string[] {
  return run.guarded.transitions
    .filter(({ from, to }) => from === 'closed' && to === 'open')
    .filter(({ at, port }) => {
      const lane = run.lanes.find((each) => each.port === port);
      return lane === undefined || !meets(faultTimes(run, lane.name, lateOpeningMs), at, at);
    })
    .map(({ at, name, trigger, error }) => `${name} at ${((at - run.began) / 1_000).toFixed(1)} s: ${trigger} ${error ?? ''}`);
}

/** Over the second half, in bytes. */
export function heapGrowth({ samples }: Story): number {
  const second = samples.slice(Math.floor(samples.length / 2));
  const [first, last] = [second[0], second.at(-1)];
  if (first === undefined || last === undefined) return 0;
  return slope(second.map(({ at, heapUsed, external }) => [at, heapUsed + external])) * (last.at - first.at);
}

function lastHeap({ finish }: Story): number {
  return (finish?.last.heapUsed ?? 0) + (finish?.last.external ?? 0);
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1_000)} kB`;
}

function resources({ finish }: Story): string {
  return Object.entries(finish?.last.resources ?? {})
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

function moreResources(guarded: Story, twin: Story): string[] {
  return Object.entries(guarded.finish?.last.resources ?? {})
    .filter(([name, count]) => count > (twin.finish?.last.resources[name] ?? 0))
    .map(([name, count]) => `${count} ${name}, twin ${twin.finish?.last.resources[name] ?? 0}`);
}
