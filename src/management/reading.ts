import type { Breaker } from '../breaker/breaker.ts';
import { type Answer, json, Refusal } from './answer.ts';
import type { Events } from './events.ts';
import type { ManagementOptions } from './ports.ts';
import type { Context, Route } from './route.ts';
import type { SchemaName } from './schemas.ts';
import type { State } from './state.ts';
import type { LiveView, ReadyView } from './wire.ts';

const jsonOf = (schema: SchemaName, description: string) => ({ 200: { schema, description } });

/** @throws Refusal when there is no breaker of that name */
export function breakerOf(state: State, { params }: Context): Breaker {
  const name = params.name ?? '';
  const breaker = state.registry.find(name);
  if (breaker !== undefined) return breaker;
  const known = state.registry.list().length;
  throw new Refusal(404, 'unknown_breaker', `no breaker is named '${name.slice(0, 200)}'; /health/circuit-breakers lists all ${known}`);
}

/** What can be asked. */
export function readingRoutes(state: State, events: Events, options: ManagementOptions): Route[] {
  const reading = (path: string, id: string, summary: string, schema: SchemaName, view: (context: Context) => unknown): Route => ({
    method: 'GET',
    path,
    id,
    summary,
    access: 'read',
    answers: { ...jsonOf(schema, summary) },
    handle: (context) => json(view(context)),
  });
  return [
    reading('/health', 'health', 'How the process and what it depends on are', 'HealthView', () => state.healthView()),
    {
      ...reading('/health/live', 'live', 'Whether the process lives: an open circuit is no reason to restart it', 'LiveView', () => undefined),
      access: 'open',
      answers: { ...jsonOf('LiveView', 'it lives'), 503: { schema: 'LiveView', description: 'it does not' } },
      handle: () => live(state),
    },
    {
      ...reading('/health/ready', 'ready', 'Whether the process should be sent requests', 'ReadyView', () => undefined),
      access: 'open',
      answers: { ...jsonOf('ReadyView', 'it should'), 503: { schema: 'ReadyView', description: 'it should not, as configured' } },
      handle: ({ sees }) => ready(state, sees),
    },
    reading('/health/resilience', 'resilience', 'The system as a whole', 'ResilienceView', () => state.resilience()),
    reading('/health/circuit-breakers', 'listBreakers', 'Every circuit breaker', 'BreakersView', () => state.breakers()),
    {
      ...reading('/health/circuit-breakers/:name', 'getBreaker', 'One circuit breaker', 'BreakerDetail', (context) =>
        state.detail(breakerOf(state, context)),
      ),
      answers: {
        ...jsonOf('BreakerDetail', 'it, and its last transitions'),
        404: { schema: 'ErrorView', description: 'there is none of that name' },
      },
    },
    {
      ...reading('/metrics', 'metrics', "Metrics in Prometheus' text format", 'ErrorView', () => undefined),
      answers: {
        200: { type: 'text/plain', description: 'metrics' },
        404: { schema: 'ErrorView', description: 'they go elsewhere: the process has an OpenTelemetry SDK of its own, or another port for them' },
      },
      handle: () => metrics(options),
    },
    reading('/metrics/circuit-breakers', 'breakerMetrics', 'The numbers of every circuit breaker, as JSON', 'BreakersView', () => state.breakers()),
    {
      ...reading('/api/overview', 'overview', 'All that the page shows', 'Overview', () => undefined),
      handle: () => ({ ...json(null), body: state.overviewText() }),
    },
    {
      ...reading('/api/events', 'events', 'Server-sent events: overview, transition, alert, config, admin', 'ErrorView', () => undefined),
      answers: {
        200: { type: 'text/event-stream', description: 'events, their data as JSON' },
        503: { schema: 'ErrorView', description: 'too many listen already' },
      },
      handle: () => {
        events.checkRoom();
        const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };
        return { status: 200, headers, body: '', stream: (sink) => events.add(sink) };
      },
    },
    {
      ...reading('/api/history', 'history', 'What has been: transitions, and of one breaker also samples of its window', 'HistoryView', ({ query }) =>
        state.past(query.get('breaker') ?? undefined),
      ),
      query: { breaker: 'of this breaker only' },
    },
  ];
}

function live(state: State): Answer {
  const up = state.health.live();
  return json({ status: up ? 'up' : 'down' } satisfies LiveView, up ? 200 : 503);
}

function ready(state: State, sees: boolean): Answer {
  const { status, reasons } = state.health.ready();
  return json({ status, reasons: sees ? reasons : [] } satisfies ReadyView, status === 'ready' ? 200 : 503);
}

async function metrics(options: ManagementOptions): Promise<Answer> {
  if (options.metrics === undefined)
    throw new Refusal(
      404,
      'not_available',
      'no metrics here: they go where the OpenTelemetry SDK of the process sends them; /metrics/circuit-breakers has the numbers as JSON',
    );
  return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, body: await options.metrics() };
}
