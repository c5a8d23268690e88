import { isIP } from 'node:net';
import type { Registry } from '../registry/registry.ts';
import { Transitions } from '../registry/transitions.ts';
import { AccessControl } from './access.ts';
import { isLoopback } from './addresses.ts';
import { Admin } from './admin.ts';
import { App } from './app.ts';
import { controlRoutes } from './controls.ts';
import { Events } from './events.ts';
import { FaultControl } from './fault-control.ts';
import type { ManagementOptions } from './ports.ts';
import { readingRoutes } from './reading.ts';
import { State } from './state.ts';
import { Tokens } from './tokens.ts';
import { transitionView } from './views.ts';

export interface Composed {
  readonly app: App;
  readonly events: Events;
  /** Ends every stream, and hears of nothing any more. */
  dispose(): void;
}

/** Where it is served unless somebody says otherwise. */
export const usualHost = '127.0.0.1';

/** Puts together what answers requests; where they come from is somebody else's. */
export function composeApp(registry: Registry, given: ManagementOptions): Composed {
  const options = { ...given, faults: given.faults ?? new FaultControl(registry) };
  const host = options.host ?? usualHost;
  const transitions = new Transitions(registry);
  const state = new State(registry, options);
  const events = new Events(registry.clock, () => state.overviewText());
  transitions.on((event) => {
    state.changed();
    if (events.clients > 0) events.send('transition', transitionView(event));
  });
  const alerts = state.alerts.on('alert', (alert) => {
    state.changed();
    events.send('alert', alert);
  });
  const admin = new Admin(state, options, {
    acted: (answer) => events.send('admin', answer),
    reloaded: (answer) => events.send('config', answer),
  });
  const access = new AccessControl(registry.clock, {
    tokens: new Tokens(options.tokens ?? []),
    host,
    allowedHosts: [...(options.allowedHosts ?? []), ...(isIP(host) === 0 ? [host] : [])],
    private: isLoopback(host),
  });
  const routes = [...readingRoutes(state, events, options), ...controlRoutes(state, admin, options.faults)];
  return {
    app: new App({ routes, access, page: options.page }),
    events,
    dispose: () => {
      events.close();
      alerts[Symbol.dispose]();
      transitions.dispose();
      state.dispose();
    },
  };
}
