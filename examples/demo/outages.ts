import type { Group } from './load.ts';
import type { World } from './world.ts';

export interface Outage {
  readonly title: string;
  readonly group: Group;
  readonly seconds: number;
  /** The protected shop is configured to do without: it serves stale answers and queues writes. The outage is on as soon as `begin` resolves. */
  readonly bridged?: true;
  begin(world: World): Promise<void>;
  /** Restores the service. Absent where the next outage follows at once on this one. */
  end?(world: World): Promise<void>;
}

/** What is played, in this order. */
export const outages: readonly Outage[] = [
  {
    title: 'Redis killed',
    group: 'redis',
    seconds: 12,
    bridged: true,
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.restart(),
  },
  {
    title: 'PostgreSQL frozen',
    group: 'postgres',
    seconds: 12,
    begin: async ({ postgres }) => postgres.freeze(),
    end: async ({ postgres }) => postgres.thaw(),
  },
  {
    title: 'upstream hangs',
    group: 'http',
    seconds: 12,
    begin: ({ upstream }) => upstream.behave({ mode: 'hang' }),
  },
  {
    title: 'upstream answers 503',
    group: 'http',
    seconds: 6,
    begin: ({ upstream }) => upstream.behave({ mode: 'status', status: 503 }),
    end: ({ upstream }) => upstream.behave({ mode: 'ok' }),
  },
];
