import type { Overview } from '../../../wire.ts';
import { token } from '../server/token.ts';
import { lock, tokenChanged, unlock } from './actions.ts';
import { byId, h, setAttribute, setHidden, setText } from './dom.ts';

/** Whose page it is, in short how things stand, whether that is up to date, and the token. */
export class Header {
  readonly #service = h('h1', {}, 'otel-breaker');
  readonly #process = h('span', { class: 'process' });
  readonly #short = h('a', { class: 'short', href: '#circuits' });
  readonly #link = h('span', { class: 'link', role: 'status' }, 'connecting');
  readonly #key = h('button', { type: 'button', onclick: () => this.#turn() });
  #enabled = false;

  constructor() {
    byId('header').append(h('div', { class: 'who' }, this.#service, this.#process), this.#short, this.#link, this.#key);
    tokenChanged.addEventListener('change', () => this.#show());
    this.#show();
  }

  /** @param open how many circuits refuse calls */
  update({ service, pid, version, mode, adminEnabled, system, breakers }: Overview, open: number): void {
    this.#enabled = adminEnabled;
    setText(this.#service, service);
    setText(this.#process, `process ${pid} · mode ${mode} · otel-breaker ${version}`);
    setText(this.#short, open > 0 ? `${open} of ${breakers.length} open` : breakers.length === 0 ? 'no circuits' : 'none open');
    this.#short.classList.toggle('some', open > 0);
    setAttribute(this.#short, 'data-system', system.state);
    this.#show();
  }

  /** Nothing is shown without one. */
  needsToken(): void {
    this.#enabled = true;
    this.#show();
  }

  /** Says how fresh the page is. */
  connection(state: 'live' | 'lost', text: string): void {
    setText(this.#link, text);
    setAttribute(this.#link, 'data-link', state);
  }

  #turn(): void {
    if (token.get() === undefined) void unlock();
    else lock();
  }

  #show(): void {
    setText(this.#key, token.get() === undefined ? 'Enter token' : 'Forget token');
    setHidden(this.#key, !this.#enabled && token.get() === undefined);
  }
}
