import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/parts.css';
import './styles/circuits.css';
import './styles/details.css';
import './styles/dialogs.css';
import './styles/phone.css';
import { Store } from './facts/store.ts';
import { tokenChanged, unlock } from './parts/actions.ts';
import { Alerts } from './parts/alerts.ts';
import { Banners } from './parts/banners.ts';
import { Circuits } from './parts/circuits.ts';
import { byId } from './parts/dom.ts';
import { Header } from './parts/header.ts';
import { Lanes } from './parts/lanes.ts';
import { Log } from './parts/log.ts';
import { note } from './parts/notes.ts';
import { Speaker } from './parts/speaker.ts';
import { refusing, System } from './parts/system.ts';
import { showTab } from './parts/tab.ts';
import { Checks, Pools } from './parts/tables.ts';
import type { Heard } from './server/api.ts';
import { follow } from './server/connection.ts';
import { Past } from './server/past.ts';
import { token } from './server/token.ts';

const store = new Store();
const past = new Past(store, show);
const header = new Header();
const banners = new Banners();
const speaker = new Speaker();
const circuits = new Circuits(store);
const parts = [new System(store), new Alerts(store), circuits, new Lanes(store), new Checks(), new Pools(), new Log(store)] as const;
byId('main').replaceChildren(banners.element, ...parts.map(({ element }) => element));
circuits.wanted = (names) => past.want(names);

function show(): void {
  const { overview } = store;
  if (overview === undefined || document.hidden) return;
  const open = refusing(overview.breakers);
  header.update(overview, open);
  banners.update(overview);
  for (const part of parts) part.update(overview);
  showTab(
    open > 0 && overview.system.state === 'healthy' ? 'degraded' : overview.system.state,
    `${open > 0 ? `(${open} open) ` : ''}${overview.service} · otel-breaker`,
  );
}

function hear({ name, data }: Heard): void {
  if (name === 'overview') {
    const before = store.overview?.pid;
    if (store.take(data)) {
      if (before !== undefined) note('good', `The service has been restarted: process ${data.pid}, before ${before}`);
      void past.begin();
    }
  } else if (name === 'transition') {
    store.remember([data]);
    speaker.tell(data);
  } else if (name === 'alert') {
    speaker.tellAlert(data);
  } else if (name === 'admin' || name === 'config') {
    store.hear({ kind: name, data } as Parameters<Store['hear']>[0]);
    if (name === 'config' && data.error !== undefined) note('bad', data.error);
  }
  show();
}

let live = false;

void follow({
  opened: () => {
    header.connection('live', 'live');
    banners.live();
    // Moves may have been missed in between.
    if (!live && store.overview !== undefined) void past.begin();
    live = true;
  },
  hear,
  lost: (why) => {
    live = false;
    header.connection('lost', 'not live');
    banners.lost(why);
    showTab('lost', `(not live) ${store.overview?.service ?? 'otel-breaker'}`);
  },
  needToken: () => {
    const known = token.get() === undefined ? undefined : 'That token is not known to the service.';
    header.needsToken();
    return unlock('This service shows itself to holders of a token only. It is kept in this tab only.', known);
  },
  hurry: tokenChanged,
});

document.addEventListener('visibilitychange', show);
