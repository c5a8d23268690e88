import type { BreakerView, MatchRequest, ModeView } from '../../../wire.ts';
import { matching } from '../facts/matching.ts';
import type { Store } from '../facts/store.ts';
import { plural } from '../words/format.ts';
import { confirm } from './actions.ts';
import { select, type Values } from './dialogs.ts';
import { h } from './dom.ts';

const modes: readonly (readonly [ModeView | 'configured', string])[] = [
  ['enforce', 'enforce: refuses calls when open'],
  ['shadow', 'shadow: decides, refuses nothing'],
  ['off', 'off: neither counts nor refuses'],
  ['configured', 'as the configuration says, again'],
];

/** Most names that are listed. */
const maxNamed = 4;

/** Sets the mode of the circuits that match. @param match to begin with */
export async function askMode(store: Store, match: MatchRequest = {}): Promise<void> {
  const views = store.overview?.breakers ?? [];
  const known = (of: (view: BreakerView) => string | undefined): string[] => [...new Set(views.flatMap((view) => of(view) ?? []))].sort();
  const choice = (values: readonly string[], value: string | undefined) =>
    select([['', 'any'] as const, ...values.map((each) => [each, each] as const)], value ?? '');
  const input = (value: string | undefined) =>
    h('input', {
      type: 'text',
      autocomplete: 'off',
      spellcheck: 'false',
      placeholder: 'any; * and ? stand for what they usually do',
      value: value ?? '',
    });
  const fields = {
    mode: { label: 'Mode', field: select(modes, 'shadow') },
    system: {
      label: 'System',
      field: choice(
        known(({ target }) => target.system),
        match.system,
      ),
    },
    server: {
      label: 'Server',
      field: choice(
        known(({ target }) => target.server),
        match.server,
      ),
    },
    operation: {
      label: 'Operation',
      field: choice(
        known(({ target }) => target.operation),
        match.operation,
      ),
    },
    name: { label: 'Name', field: input(match.name) },
  };
  const note = (values: Values): string => {
    const found = matching(views, matchOf(values));
    const named = found.slice(0, maxNamed).map(({ name }) => name);
    const more = found.length > maxNamed ? `, and ${found.length - maxNamed} more` : '';
    return found.length === 0 ? 'No circuit fits.' : `${plural(found.length, 'circuit')}: ${named.join(', ')}${more}`;
  };
  const text = 'It holds above the configuration, for circuits to come as well, until it is set back to what the configuration says.';
  await confirm({ title: 'Set the mode', text, verb: 'Set mode', fields, note }, '/admin/resilience/mode', (values) => {
    const chosen = matchOf(values);
    return { mode: values['mode'], ...(Object.keys(chosen).length > 0 && { match: chosen }) };
  });
}

function matchOf(values: Values): MatchRequest {
  const given = (['name', 'system', 'server', 'operation'] as const).filter((key) => (values[key] ?? '') !== '');
  return Object.fromEntries(given.map((key) => [key, values[key]]));
}

const degradedModes = [
  ['read-only', 'read-only: writes are refused'],
  ['empty', 'empty: reads are answered with nothing'],
  ['bypass', 'bypass: without policies, calls go to the circuit alone'],
  ['off', 'off: served as ever, whatever health says'],
  ['configured', 'as configuration and health say, again'],
] as const;

/** Sets how all circuits are served for the time being. */
export async function askDegraded(): Promise<void> {
  const fields = { mode: { label: 'Calls are served', field: select(degradedModes) } };
  const text = 'For all circuits, above what the health of the system says, until it is set back.';
  await confirm({ title: 'Degraded mode', text, verb: 'Set', fields }, '/admin/resilience/degrade', ({ mode }) => ({ mode }));
}
