import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { breakThings, type FaultPlan } from '../../soak/faults.ts';
import { random } from '../../soak/random.mjs';
import { stopSites } from '../../soak/servers.ts';
import type { Fault } from '../../soak/types.ts';
import { carriedOut } from './appended.ts';
import { configuration, limits } from './configuration.ts';
import { runFolder, startServers } from './servers.ts';
import type { Life, Story } from './types.ts';
import { VersionWriter } from './versions.ts';
import { WorkerLife } from './worker-life.ts';

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Operations begun per second. */
  readonly perSecond: number;
  /** How often the protected program itself is killed (SIGKILL) and started again. */
  readonly kills: number;
  readonly log?: (line: string) => void;
}

/** How long everything may take to be well again once it is left in peace, in ms. */
const healMs = 40_000;
/** For how long the load goes on when all is well. */
const calmMs = 6_000;

/**
 * One program with all policies by configuration alone, under load, on real servers that are killed, frozen, slowed, cut off and restarted at
 * random, while writes are switched off and on by the file.
 */
export async function policiesRun({ seconds, seed, perSecond, kills, log = () => {} }: ChaosOptions): Promise<Story> {
  const folder = runFolder();
  const servers = await startServers(folder);
  const [redis, pg, first, second] = servers.sites;
  const file = join(folder, 'otel-breaker.yaml');
  const places = { first: [first.server.port, first.proxy.port], second: second.server.port, queue: join(folder, 'queue') };
  const readOnly: { from: number; to: number }[] = [];
  const configure = (writesOff: boolean): void => {
    if (writesOff) readOnly.push({ from: Date.now(), to: Number.POSITIVE_INFINITY });
    writeFileSync(`${file}.new`, configuration(places, writesOff));
    renameSync(`${file}.new`, file);
    const open = readOnly.at(-1);
    if (!writesOff && open !== undefined) open.to = Date.now();
  };
  configure(false);
  const writer = new VersionWriter(redis.server.port, ['v:0', 'v:1', 'v:2', 'v:3']);
  const ports = { redis: [redis.server.port, redis.proxy.port], pg: [pg.server.port, pg.proxy.port], http: places.first };
  const lives: Life[] = [];
  const begin = (): Promise<WorkerLife> => {
    const life = lives.length + 1;
    const own = { life, seed, perSecond, ports, database: servers.postgres.database };
    return WorkerLife.start({ ...own, configuration: file, log: join(folder, `life-${life}.jsonl`) });
  };
  let worker: WorkerLife | undefined = await begin();
  try {
    const began = Date.now();
    const until = began + seconds * 1_000;
    const seen: Fault[] = [];
    const plan: FaultPlan =
      seconds < 120 ? { seed, rest: [2_000, 5_000], length: [500, 3_500], until } : { seed, rest: [4_000, 12_000], length: [500, 6_000], until };
    const say = (what: string): void => log(`${((Date.now() - began) / 1_000).toFixed(1)} s: ${what}`);
    await Promise.all([
      breakThings(servers.sites, plan, (fault) => {
        seen.push(fault);
        say(`${fault.lanes.join(', ')} ${fault.kind}`);
      }),
      switchWrites(),
      killNow(),
    ]);
    await sleep(until - Date.now());

    const calm = Date.now();
    let report = await worker.order('report');
    // Those that hardly anybody calls have nobody to close them.
    const called = (name: string): boolean => / (read|write)$/.test(name) || places.first.some((port) => name.endsWith(`:${port}`));
    const isWell = (): boolean => report.queueDepth === 0 && report.breakers.every(({ name, state }) => state === 'closed' || !called(name));
    while (!isWell() && Date.now() - calm < healMs) {
      await sleep(500);
      report = await worker.order('report');
    }
    say(`all is well again after ${Date.now() - calm} ms`);
    await sleep(calmMs);
    await worker.order('stop');
    do {
      await sleep(300);
      report = await worker.order('report');
    } while ((report.outstanding > 0 || report.queueDepth > 0) && Date.now() - calm < 2 * healMs);
    await writer.stop();
    lives.push(await worker.end());
    worker = undefined;
    const kept = { redis: await pushed(redis.server.port), pg: (await servers.postgres.query('SELECT id FROM kept')).map(({ id }) => String(id)) };
    const told = { faults: seen, lives, readOnly, versions: writer.versions, carriedOut: await carriedOut(servers.redisDirectory), kept };
    return { seed, began, calm, limits, ...told, arrivals: servers.arrivals() };

    async function switchWrites(): Promise<void> {
      const next = random(seed + 500);
      for (;;) {
        const [rest, length] = [(0.1 + next() * 0.15) * seconds * 1_000, 7_000 + next() * 5_000];
        if (Date.now() + rest + length > until - 3_000) return;
        await sleep(rest);
        configure(true);
        say('writes are switched off');
        await sleep(length);
        configure(false);
        say('writes are switched on');
      }
    }

    async function killNow(): Promise<void> {
      const next = random(seed + 900);
      for (let n = 0; n < kills; n += 1) {
        await sleep(((0.5 + next()) * seconds * 1_000) / (kills + 1));
        if (Date.now() > until - 5_000) return;
        say('the program is killed');
        lives.push((await worker?.kill()) as Life);
        worker = await begin();
      }
    }
  } finally {
    await writer.stop();
    await worker?.kill();
    await stopSites(servers.sites);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function pushed(port: number): Promise<string[]> {
  const client = new Redis(port, '127.0.0.1');
  try {
    return await client.lrange('pushed', 0, -1);
  } finally {
    client.disconnect();
  }
}
