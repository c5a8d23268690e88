import type { Overview } from '../../wire.ts';
import { lock, tokenChanged, unlock } from './actions.ts';
import { byId, h, setAttribute, setText } from './dom.ts';
import { token } from './token.ts';

/** Whose page it is, whether it is up to date, and the token. */
export class Header {
  readonly #service = h('h1', {}, 'otel-breaker');
  readonly #process = h('span', { class: 'process' });
  readonly #link = h('span', { class: 'link', role: 'status' }, 'connecting');
  readonly #key = h('button', { type: 'button', onclick: () => this.#turn() });
  #enabled = false;

  constructor() {
    byId('header').append(h('div', { class: 'who' }, this.#service, this.#process), this.#link, this.#key);
    tokenChanged.addEventListener('change', () => this.#show());
    this.#show();
  }

  update({ service, pid, version, adminEnabled }: Overview): void {
    this.#enabled = adminEnabled;
    setText(this.#service, service);
    setText(this.#process, `process ${pid} · otel-breaker ${version}`);
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
    this.#key.hidden = !this.#enabled && token.get() === undefined;
  }
}
