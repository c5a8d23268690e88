type Props = Readonly<Record<string, string | number | boolean | undefined | ((event: Event) => void)>>;
type Child = Node | string | undefined;

/** An element. Texts are never read as markup; `onclick` and the like are listeners; `undefined` and `false` set nothing. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: readonly Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child !== undefined) element.append(child);
  return element;
}

const texts = new WeakMap<Element, string>();

/** What is the same already is not touched: a selection, or what a screen reader is reading, stays. */
export function setText(node: Element, text: string): void {
  if (texts.get(node) === text) return;
  texts.set(node, text);
  node.textContent = text;
}

export function setAttribute(node: Element, name: string, value: string): void {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export function setHidden(node: HTMLElement, hidden: boolean): void {
  if (node.hidden !== hidden) node.hidden = hidden;
}

const made = new WeakMap<Element, string>();

/** Replaces the children if what they are made of has changed. @returns whether it has */
export function fill(parent: Element, key: string, make: () => readonly Child[]): boolean {
  if (made.get(parent) === key) return false;
  made.set(parent, key);
  parent.replaceChildren(...make().filter((child) => child !== undefined));
  return true;
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}
