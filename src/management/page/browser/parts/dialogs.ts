import { token } from '../server/token.ts';
import { h, setText } from './dom.ts';

export type Field = HTMLInputElement | HTMLSelectElement;

export interface Form {
  readonly title: string;
  readonly text: string;
  /** How things stand: what somebody should know before. */
  readonly impact?: string;
  /** Why it is asked again. */
  readonly error?: string;
  /** By their names. */
  readonly fields: Readonly<Record<string, { readonly label: string; readonly field: Field }>>;
  /** The button that does it. */
  readonly verb: string;
  readonly harm?: boolean;
  /** Said below the fields, from what they hold. */
  readonly note?: (values: Values) => string;
}

export type Values = Readonly<Record<string, string>>;

export function select(options: readonly (readonly [value: string, label: string])[], value?: string): HTMLSelectElement {
  const element = h('select', {}, ...options.map(([each, label]) => h('option', { value: each }, label)));
  if (value !== undefined) element.value = value;
  return element;
}

/** Opens a dialog. Resolves with what its fields hold, or `undefined` when somebody thinks better of it. The focus goes back where it was. */
export function ask({ title, text, impact, error, fields, verb, harm = false, note }: Form): Promise<Values | undefined> {
  const values = (): Values => Object.fromEntries(Object.entries(fields).map(([name, { field }]) => [name, field.value.trim()]));
  return new Promise((resolve) => {
    let answer: Values | undefined;
    const said = h('p', { class: 'note', role: 'status' });
    const show = (): void => setText(said, note?.(values()) ?? '');
    const form = h(
      'form',
      { oninput: show },
      h('h2', { id: 'dialog-title' }, title),
      error === undefined ? undefined : h('p', { class: 'error', role: 'alert' }, error),
      h('p', { id: 'dialog-text' }, text),
      impact === undefined ? undefined : h('p', { class: 'impact' }, impact),
      ...Object.values(fields).map(({ label, field }) => h('label', {}, label, field)),
      note === undefined ? undefined : said,
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'),
        h('button', { type: 'submit', class: harm ? 'harm' : 'main' }, verb),
      ),
    );
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text' }, form);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      answer = values();
      dialog.close();
    });
    // The key that opened the dialog, held a little long, must not answer it.
    dialog.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && event.repeat) event.preventDefault();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    show();
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Goes with every deed, into the log of the service. */
export function reasonField(): { readonly label: string; readonly field: HTMLInputElement } {
  const field = h('input', { type: 'text', maxlength: 200, autocomplete: 'off', placeholder: 'for the audit log', autofocus: true });
  return { label: 'Reason (optional)', field };
}

/** Asks for the token and keeps it. @returns whether there is one now */
export async function askToken(text: string, error?: string): Promise<boolean> {
  const field = h('input', { type: 'password', autocomplete: 'off', required: true, autofocus: true, spellcheck: 'false' });
  const values = await ask({
    title: 'Token',
    text,
    ...(error !== undefined && { error }),
    verb: 'Use it',
    fields: { secret: { label: 'Secret', field } },
  });
  const secret = values?.['secret'] ?? '';
  if (secret === '') return false;
  token.set(secret);
  return true;
}
