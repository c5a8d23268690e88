import { setTimeout as sleep } from 'node:timers/promises';
import { random } from './random.mjs';
import type { Site } from './servers.ts';
import type { Fault } from './types.ts';

/** Does something to a site for a time, in ms, and makes it good again. Resolves when it is. */
interface Act {
  readonly kind: string;
  /** Both lanes, or the proxied one. */
  readonly both: boolean;
  run(site: Site, ms: number, next: () => number): Promise<void>;
}

const acts: readonly Act[] = [
  {
    kind: 'killed',
    both: true,
    async run({ server }, ms) {
      await server.kill();
      await sleep(ms);
      await server.restart();
    },
  },
  {
    kind: 'frozen',
    both: true,
    async run({ server }, ms) {
      server.freeze();
      await sleep(ms);
      server.thaw();
    },
  },
  {
    kind: 'slow',
    both: false,
    async run({ proxy }, ms, next) {
      proxy.delay(20 + next() * 130);
      await sleep(ms);
      proxy.delay(0);
    },
  },
  {
    kind: 'cut',
    both: false,
    async run({ proxy }) {
      proxy.cut();
    },
  },
  {
    kind: 'refusing',
    both: false,
    async run({ proxy }, ms) {
      await proxy.refuse(true);
      await sleep(ms);
      await proxy.refuse(false);
    },
  },
  {
    kind: 'swallowed',
    both: false,
    async run({ proxy }, ms) {
      proxy.blackhole(true);
      await sleep(ms);
      proxy.blackhole(false);
      // What was swallowed is missing in every stream: none of them can go on.
      proxy.cut();
    },
  },
];

const misbehaviours: readonly Act[] = ['hang', 'unavailable', 'reset', 'broken body'].map((kind) => ({
  kind,
  both: true,
  async run({ misbehave }, ms) {
    misbehave?.(kind);
    await sleep(ms);
    misbehave?.(undefined);
  },
}));

export interface FaultPlan {
  readonly seed: number;
  /** Time between two faults of a site, in ms: least and most. */
  readonly rest: readonly [number, number];
  /** Time that a fault lasts. */
  readonly length: readonly [number, number];
  readonly until: number;
}

/** Breaks the sites at random until the time is over; all of them are well when it resolves. */
export async function breakThings(sites: readonly Site[], plan: FaultPlan, onFault: (fault: Fault) => void): Promise<void> {
  await Promise.all(
    sites.map(async (site, index) => {
      const next = random(plan.seed + index);
      const between = ([least, most]: readonly [number, number]): number => least + next() * (most - least);
      const possible = site.misbehave === undefined ? acts : [...acts, ...misbehaviours];
      for (;;) {
        const rest = between(plan.rest);
        const length = between(plan.length);
        const act = possible[Math.floor(next() * possible.length)];
        if (act === undefined || Date.now() + rest + length > plan.until) return;
        await sleep(rest);
        const lanes = act.both ? [`${site.system} direct`, `${site.system} proxied`] : [`${site.system} proxied`];
        const fault: Fault = { lanes, kind: act.kind, from: Date.now(), to: Number.POSITIVE_INFINITY };
        onFault(fault);
        await act.run(site, length, next);
        fault.to = Date.now();
      }
    }),
  );
}
