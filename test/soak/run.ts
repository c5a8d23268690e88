import { setTimeout as sleep } from 'node:timers/promises';
import { breakThings, type FaultPlan } from './faults.ts';
import { lanesOf, startSites, stopSites } from './servers.ts';
import type { Fault, Run } from './types.ts';
import { WorkerProcess } from './worker-process.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Operations begun per second, in each of the two processes. */
  readonly perSecond: number;
  /** What is loaded into the protected one. */
  readonly preload: string;
  readonly log?: (line: string) => void;
}

/** How long everything may take to be well again once it is left in peace, in ms. */
const healMs = 40_000;

/** Two processes, one of them protected, do the same on the same servers while these are broken at random. */
export async function soak({ minutes, seed, perSecond, preload, log = () => {} }: SoakOptions): Promise<Run> {
  const sites = await startSites();
  const workers: WorkerProcess[] = [];
  try {
    const lanes = lanesOf(sites);
    const durationMs = minutes * 60_000;
    const common = { seed, perSecond, lanes, sampleMs: Math.min(10_000, durationMs / 20) };
    const guarded = await WorkerProcess.start({ ...common, prefix: 'guarded', preload });
    workers.push(guarded);
    const twin = await WorkerProcess.start({ ...common, prefix: 'twin' });
    workers.push(twin);

    const began = Date.now() + 200;
    await Promise.all([guarded.begin(began), twin.begin(began)]);
    const faults: Fault[] = [];
    const plan: FaultPlan =
      minutes < 2
        ? { seed, rest: [4_000, 8_000], length: [1_000, 3_000], until: began + durationMs }
        : { seed, rest: [8_000, 16_000], length: [500, 6_000], until: began + durationMs };
    await breakThings(sites, plan, (fault) => {
      faults.push(fault);
      log(`${((fault.from - began) / 1_000).toFixed(1)} s: ${fault.lanes.join(', ')} ${fault.kind}`);
    });
    await sleep(Math.max(0, began + durationMs - Date.now()));

    // Under load still: circuits close by probes.
    const ended = Date.now();
    let stillOpen: readonly string[] = [];
    do {
      await sleep(500);
      stillOpen = (await guarded.status()).open;
    } while (stillOpen.length > 0 && Date.now() - ended < healMs);
    await Promise.all(workers.map((worker) => worker.stopLoad()));
    for (const worker of workers) {
      const since = Date.now();
      do {
        await sleep(200);
        worker.story.outstanding = (await worker.status()).outstanding;
      } while (worker.story.outstanding > 0 && Date.now() - since < healMs);
    }
    log(`load ended after ${((Date.now() - began) / 1_000).toFixed(0)} s`);
    await Promise.all(workers.map((worker) => worker.finish()));
    return { minutes, seed, lanes, faults, began, ended, guarded: guarded.story, twin: twin.story, stillOpen };
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    await stopSites(sites);
  }
}
