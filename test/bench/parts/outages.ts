import { setTimeout as sleep } from 'node:timers/promises';
import { startHttpUpstream } from '../../support/servers/http-upstream.ts';
import { startPostgres } from '../../support/servers/postgres.ts';
import { startRedis } from '../../support/servers/redis.ts';
import { startSlowProxy } from '../../support/servers/slow-proxy.ts';
import { startChild } from '../support/child.ts';
import type { OutageOrder, OutageResult } from '../support/outage-messages.ts';
import { amount, atMost, type Row, told } from '../support/rows.ts';
import { registerFile } from '../support/workers.ts';
import type { Part } from './part.ts';

/** A server that can be taken away, and what stands beside it. */
interface Stage {
  readonly port: number;
  readonly batchPort: number;
  down(): Promise<unknown> | unknown;
  up(): Promise<unknown> | unknown;
  stop(): Promise<void>;
}

interface Scenario {
  readonly what: string;
  readonly kind: 'redis' | 'postgres' | 'http';
  readonly rate: number;
  /** How many calls may reach the dead server. */
  readonly reached: number;
  stage(slowed: boolean): Promise<Stage>;
}

/** Healthy latency in the runs that slow the server down, and what comes of it. */
const HEALTHY_MS = 4;
const SLOWED_MS = 40;
/** Redis knows no command that is slow and lets others pass: its batch is one of HTTP. */
const slowAnswers = { mode: 'ok', delayMs: 1_500 } as const;

const scenarios: readonly Scenario[] = [
  { what: 'Redis killed, 2,000 calls/s', kind: 'redis', rate: 2_000, reached: 300, stage: redisStage },
  { what: 'PostgreSQL frozen, 1,000 calls/s', kind: 'postgres', rate: 1_000, reached: 200, stage: postgresStage },
  { what: 'HTTP hanging, 500 calls/s', kind: 'http', rate: 500, reached: 150, stage: httpStage },
];

/** Outages under open load, nothing configured; a slow and healthy batch job runs beside it in the same process. */
export const outages: Part = async ({ quick, peers }) => {
  const rows: Row[] = [];
  const lines: string[][] = [];
  const contenders = peers ? ['ours', 'none', 'opossum', 'cockatiel'] : ['ours'];
  const outageMs = quick ? 5_000 : 20_000;
  for (const scenario of scenarios) {
    for (const contender of contenders) {
      const result = await live(scenario, contender, false, outageMs);
      if (contender === 'ours') rows.push(...deadRows(scenario, result));
      lines.push([`${scenario.what}: ${contender}`, ...cells(result)]);
    }
    rows.push(...slowRows(scenario, await live(scenario, 'ours', true, outageMs)));
  }
  const columns = ['calls that reached it', 'fails fast after ms', 'p99 of refused, ms', 'never settled', 'back after ms'];
  return { rows, comparisons: [{ title: `outage of ${outageMs / 1_000} s`, columns, lines }] };
};

async function live(scenario: Scenario, contender: string, slowed: boolean, outageMs: number): Promise<OutageResult> {
  const stage = await scenario.stage(slowed);
  try {
    const preload = contender === 'ours' ? [registerFile] : [];
    const args = [scenario.kind, contender, `${stage.port}`, `${stage.batchPort}`];
    const child = await startChild('outage', args, { nodeArgs: ['--expose-gc'], preload, env: { OTEL_BREAKER_SDK: 'off' } });
    const tell = (order: OutageOrder) => child.ask<OutageResult>(order);
    try {
      await tell({ order: 'start', rate: scenario.rate });
      await sleep(5_000);
      await tell({ order: 'down' });
      await stage.down();
      await sleep(outageMs);
      await tell({ order: 'up' });
      await stage.up();
      await sleep(6_000);
      await tell({ order: 'stop' });
      await sleep(3_000);
      return await tell({ order: 'result' });
    } finally {
      await child.stop();
    }
  } finally {
    await stage.stop();
  }
}

function deadRows({ what, reached }: Scenario, result: OutageResult): Row[] {
  const row = (measure: string, value: number, limit: number, unit = ''): Row => atMost('outages', `${what}: ${measure}`, value, limit, unit);
  return [
    row('calls that reached the dead server', result.reached, reached),
    row('calls fail fast after', result.failFastAfterMs, 500, ' ms'),
    row('99th percentile of refused calls', result.refusedP99Ms, 5, ' ms'),
    row('calls left pending', result.pending, 0),
    row("full service after the server's return", result.recoveredAfterMs, 1_000, ' ms'),
    row('heap grown over the outage', result.heapGrowthMb, 5, ' MB'),
    row('longest stall of the event loop', result.stallMs, 50, ' ms'),
    row(`calls of the slow batch beside it refused (${result.batchDone} done)`, result.batchRefused, 0),
  ];
}

function slowRows({ what, kind }: Scenario, result: OutageResult): Row[] {
  const scenario = `${kind} slowed from ${HEALTHY_MS} to ${SLOWED_MS} ms${what.slice(what.indexOf(','))}`;
  return [
    atMost('outages', `${scenario}: calls refused`, result.refused, 0),
    atMost('outages', `${scenario}: calls left pending`, result.pending, 0),
    told('outages', `${scenario}: longest stall of the event loop`, result.stallMs, ' ms'),
  ];
}

function cells(result: OutageResult): string[] {
  return [result.reached, result.failFastAfterMs, result.refusedP99Ms, result.pending, result.recoveredAfterMs].map((value) =>
    Number.isNaN(value) ? '—' : amount(value),
  );
}

async function redisStage(slowed: boolean): Promise<Stage> {
  const server = await startRedis();
  const healthy = await startHttpUpstream({ behaviour: slowAnswers });
  const proxy = await startSlowProxy(server.port);
  proxy.delay(HEALTHY_MS / 2);
  return staged(
    slowed,
    proxy,
    server.port,
    healthy.port,
    [proxy, server, healthy],
    () => server.kill(),
    () => server.restart(),
  );
}

async function postgresStage(slowed: boolean): Promise<Stage> {
  const server = await startPostgres();
  const healthy = await startPostgres();
  const proxy = await startSlowProxy(server.port);
  proxy.delay(HEALTHY_MS / 2);
  return staged(
    slowed,
    proxy,
    server.port,
    healthy.port,
    [proxy, server, healthy],
    () => server.freeze(),
    () => server.thaw(),
  );
}

async function httpStage(slowed: boolean): Promise<Stage> {
  const server = await startHttpUpstream();
  const healthy = await startHttpUpstream({ behaviour: slowAnswers });
  const proxy = await startSlowProxy(server.port);
  proxy.delay(HEALTHY_MS / 2);
  const hang = () => server.behave({ mode: 'hang' });
  return staged(slowed, proxy, server.port, healthy.port, [proxy, server, healthy], hang, () => server.behave({ mode: 'ok' }));
}

interface Stoppable {
  stop(): Promise<void>;
}

function staged(
  slowed: boolean,
  proxy: Awaited<ReturnType<typeof startSlowProxy>>,
  port: number,
  batchPort: number,
  all: readonly Stoppable[],
  down: () => unknown,
  up: () => unknown,
): Stage {
  return {
    port: slowed ? proxy.port : port,
    batchPort,
    down: slowed ? () => proxy.delay(SLOWED_MS / 2) : down,
    up: slowed ? () => proxy.delay(HEALTHY_MS / 2) : up,
    async stop() {
      for (const each of all) await each.stop();
    },
  };
}
