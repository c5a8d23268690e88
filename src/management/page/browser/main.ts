import 'uplot/dist/uPlot.min.css';
import './style.css';
import { tokenChanged, unlock } from './actions.ts';
import { ApiError, type Heard, history, listen } from './api.ts';
import { Circuits } from './circuits.ts';
import { byId, h } from './dom.ts';
import { spoken } from './format.ts';
import { Header } from './header.ts';
import { note } from './notes.ts';
import { Store } from './store.ts';
import { System } from './system.ts';
import { Timeline } from './timeline.ts';

/** Samples are asked for one circuit at a time: of so many at most. */
const maxPasts = 40;
const retryMs = 2_000;
const maxSpoken = 20;

const store = new Store();
const header = new Header();
const system = new System();
const circuits = new Circuits(store);
const timeline = new Timeline(store);
byId('main').replaceChildren(...system.top, circuits.element, timeline.element, ...system.bottom);

function show(): void {
  const { overview } = store;
  if (overview === undefined || document.hidden) return;
  header.update(overview);
  system.update(overview);
  circuits.update(overview);
  timeline.update();
  const open = overview.breakers.filter(({ state }) => state === 'open' || state === 'forced_open').length;
  document.title = `${open > 0 ? `(${open} open) ` : ''}${overview.service} · otel-breaker`;
}

const asked = new Set<string>();

/** What was before the page was opened. */
async function remember(): Promise<void> {
  const unknown = (store.overview?.breakers ?? []).map(({ name }) => name).filter((name) => !asked.has(name));
  for (const name of unknown.slice(0, Math.max(0, maxPasts - asked.size))) {
    asked.add(name);
    const { samples } = await history(name);
    store.seriesOf(name).prepend(samples);
  }
}

async function past(): Promise<void> {
  try {
    store.remember((await history()).transitions);
    await remember();
    show();
  } catch {
    // Without it the page begins now.
  }
}

function hear({ name, data }: Heard): void {
  if (name === 'overview') {
    const known = store.overview?.pid;
    store.take(data);
    if (known !== data.pid) {
      asked.clear();
      void past();
    }
  } else if (name === 'transition') {
    store.remember([data]);
    const log = byId('live');
    log.append(h('p', {}, spoken(data)));
    while (log.childElementCount > maxSpoken) log.firstElementChild?.remove();
  } else if (name === 'config') {
    note(data.applied ? 'good' : 'bad', data.error ?? `Configuration read: ${data.changes.join('; ') || 'nothing has changed'}`);
  }
  show();
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    tokenChanged.addEventListener('change', () => resolve(), { once: true });
  });
}

async function follow(): Promise<never> {
  for (;;) {
    let why = 'the connection has ended';
    try {
      await listen(() => header.connection('live', 'live'), hear);
    } catch (error) {
      why = error instanceof ApiError ? error.message : 'no answer from the service';
      if (error instanceof ApiError && error.status === 401) {
        header.connection('lost', 'token needed');
        await unlock('This service shows itself to holders of a token only. It is kept in this tab only.');
        continue;
      }
    }
    header.connection('lost', `not live: ${why}`);
    await wait(retryMs);
  }
}

document.addEventListener('visibilitychange', show);
void follow();
