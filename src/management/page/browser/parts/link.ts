import { h } from './dom.ts';

/** To a circuit, wherever on the page it is. @param text instead of its name */
export function circuitLink(name: string, text?: string): HTMLAnchorElement {
  const label = text === undefined ? undefined : `${text} ${name}`;
  return h('a', { class: 'circuit-link', href: `#${encodeURIComponent(name)}`, 'aria-label': label }, text ?? name);
}
