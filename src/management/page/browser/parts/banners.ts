import type { Overview } from '../../../wire.ts';
import { length, plural } from '../words/format.ts';
import { fill, h, setAttribute, setHidden, setText } from './dom.ts';
import { stopFaults } from './fault-dialog.ts';
import { askDegraded } from './mode-dialogs.ts';

/** What colours everything below it: an old picture, a mode that refuses nothing, faults on purpose. */
export class Banners {
  readonly element = h('div', { class: 'banners' });
  readonly #lost = h('div', { class: 'banner bad', hidden: true });
  readonly #why = h('span', { role: 'alert' });
  /** Its seconds shall not be read out one by one. */
  readonly #age = h('span', { 'aria-hidden': 'true' });
  readonly #rest = h('div', {});
  #at = 0;

  constructor() {
    this.#lost.append(this.#why, this.#age);
    this.element.append(this.#lost, this.#rest);
  }

  live(): void {
    this.#at = Date.now();
    setHidden(this.#lost, true);
    setText(this.#why, '');
    setAttribute(document.body, 'data-link', 'live');
  }

  /** To be told again and again, as long as it is so. @param why in a few words */
  lost(why: string): void {
    setAttribute(document.body, 'data-link', 'lost');
    setHidden(this.#lost, false);
    setText(this.#why, `Not live: ${why}. ${this.#at === 0 ? '' : 'What you see is old.'}`);
    setText(this.#age, this.#at === 0 ? ' Trying again every 2 s.' : ` Last heard ${length(Date.now() - this.#at)} ago; trying again every 2 s.`);
  }

  update({ mode, degraded, faults = [], breakers, features, adminEnabled }: Overview): void {
    this.#at = Date.now();
    const injected = breakers.filter((view) => view.injected).length;
    const kinds = faults.map(({ kind, share, scope, by }) => `${kind} into ${Math.round(share * 100)} % of ${scope}, by ${by}`);
    const stop = adminEnabled && features.includes('faults');
    fill(this.#rest, JSON.stringify([mode, degraded, kinds, injected, adminEnabled, features]), () => [
      mode === 'shadow' ? banner('info', 'Shadow mode', 'circuits decide and tell, but refuse nothing where no rule says otherwise.') : undefined,
      mode === 'off' ? banner('info', 'Mode off', 'nothing is counted or refused where no rule says otherwise.') : undefined,
      degraded === undefined || degraded.mode === 'off'
        ? undefined
        : banner(
            'warn',
            `Degraded mode ${degraded.mode}`,
            `set by ${degraded.by === 'hand' ? 'hand' : 'the health of the system'}.`,
            adminEnabled ? ['Change …', askDegraded] : undefined,
          ),
      injected === 0 && kinds.length === 0
        ? undefined
        : banner(
            'warn',
            'Faults are injected on purpose',
            `into ${plural(injected, 'circuit')}${kinds.length === 0 ? '' : `: ${kinds.join('; ')}`}.`,
            stop ? ['Stop all …', () => stopFaults()] : undefined,
          ),
    ]);
  }
}

function banner(kind: 'info' | 'warn', lead: string, text: string, action?: readonly [string, () => Promise<void>]): HTMLElement {
  const button = action === undefined ? undefined : h('button', { type: 'button', onclick: () => void action[1]() }, action[0]);
  return h('div', { class: `banner ${kind}` }, h('span', {}, h('strong', {}, lead), `: ${text}`), button);
}
