import type { Admin } from './admin.ts';
import { json } from './answer.ts';
import { bodies } from './bodies.ts';
import type { FaultSource } from './ports.ts';
import { breakerOf } from './reading.ts';
import { readBody } from './request.ts';
import type { Context, Route } from './route.ts';
import type { State } from './state.ts';
import { isoTime } from './wall-time.ts';
import {
  type BreakerAction,
  breakerActions,
  type DegradeRequest,
  type FaultRequest,
  type FaultsView,
  type ModeRequest,
  type ReasonRequest,
  type RecoveryRequest,
} from './wire.ts';

const summaries: Readonly<Record<BreakerAction, string>> = {
  'force-open': 'Refuse every call until released',
  'force-closed': 'Admit every call and decide nothing until released',
  reset: 'Close the circuit and forget what it has seen',
  shadow: 'Go on deciding, but refuse nothing until released',
  release: 'Give control back to the circuit',
};

const done = { 200: { schema: 'AdminAnswer', description: 'done: what was before and after' } } as const;
const unknown = { 404: { schema: 'ErrorView', description: 'there is none of that name' } } as const;

type Control = Pick<Route, 'path' | 'id' | 'summary' | 'answers' | 'handle'> & { readonly body: NonNullable<Route['body']> };

/** What can be done, with an admin token. */
export function controlRoutes(state: State, admin: Admin, faults: FaultSource): Route[] {
  const control = (route: Control): Route => ({ method: 'POST', access: 'admin', ...route });
  const one = (action: BreakerAction): Route =>
    control({
      path: `/admin/circuit-breakers/:name/${action}`,
      id: action.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
      summary: summaries[action],
      body: bodies.reason,
      answers: { ...done, ...unknown },
      handle: async (context) => {
        // The body first: a request at fault is told so whatever it is about.
        const body = await readBody<ReasonRequest>(context.request, bodies.reason);
        return json(admin.move(action, breakerOf(state, context), context.actor, body));
      },
    });
  return [
    ...breakerActions.map(one),
    control({
      path: '/admin/resilience/force-recovery',
      id: 'forceRecovery',
      summary: 'Let every open circuit try its dependency now, or close them all',
      body: bodies.recovery,
      answers: done,
      handle: async ({ request, actor }) => json(admin.recover(actor, await readBody<RecoveryRequest>(request, bodies.recovery))),
    }),
    control({
      path: '/admin/resilience/mode',
      id: 'setMode',
      summary: 'Set the mode of all breakers or of some, above what the configuration says',
      body: bodies.mode,
      answers: done,
      handle: async ({ request, actor }) => json(admin.mode(actor, await readBody<ModeRequest>(request, bodies.mode))),
    }),
    control({
      path: '/admin/resilience/degrade',
      id: 'degrade',
      summary: 'Refuse writes, answer reads with nothing, or leave out policies, for all breakers, above what the health of the system says',
      body: bodies.degrade,
      answers: done,
      handle: async ({ request, actor }) => json(admin.degrade(actor, await readBody<DegradeRequest>(request, bodies.degrade))),
    }),
    control({
      path: '/admin/config/reload',
      id: 'reloadConfig',
      summary: 'Read the configuration again',
      body: bodies.reason,
      answers: {
        200: { schema: 'ReloadAnswer', description: 'in force now: what has changed' },
        422: { schema: 'ReloadAnswer', description: 'at fault: nothing has changed' },
        501: { schema: 'ErrorView', description: 'there is none' },
      },
      handle: async (context) => reload(admin, context),
    }),
    listFaults(faults),
    injectFaults(control, admin),
  ];
}

async function reload(admin: Admin, { request, actor }: Context) {
  const answer = await admin.reload(actor, await readBody<ReasonRequest>(request, bodies.reason));
  return json(answer, answer.applied ? 200 : 422);
}

function listFaults(faults: FaultSource): Route {
  return {
    method: 'GET',
    path: '/admin/faults',
    id: 'listFaults',
    summary: 'Faults that are being injected',
    access: 'admin',
    answers: { 200: { schema: 'FaultsView', description: 'those under way' } },
    handle: () => {
      const { refused } = faults;
      return json({ at: isoTime(), faults: faults.list(), ...(refused !== undefined && { refused }) } satisfies FaultsView);
    },
  };
}

function injectFaults(control: (route: Control) => Route, admin: Admin): Route {
  return control({
    path: '/admin/faults',
    id: 'injectFaults',
    summary: 'Inject faults on purpose, for a game day',
    body: bodies.faults,
    answers: { ...done, ...unknown, 409: { schema: 'ErrorView', description: 'not allowed here, or not possible' } },
    handle: async ({ request, actor }) => json(admin.inject(actor, await readBody<FaultRequest>(request, bodies.faults))),
  });
}
