import { byId, h } from './dom.ts';

const shownMs = { good: 6_000, bad: 20_000 };

/** Says what came of an action, for a while. */
export function note(kind: 'good' | 'bad', text: string): void {
  const element = h('div', { class: `note ${kind}`, ...(kind === 'bad' && { role: 'alert' }) }, h('span', {}, text));
  const close = (): void => element.remove();
  element.append(h('button', { type: 'button', 'aria-label': 'Dismiss', onclick: close }, '×'));
  byId('notes').append(element);
  setTimeout(close, shownMs[kind]);
}
