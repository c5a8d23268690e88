import { h } from './dom.ts';
import { token } from './token.ts';

interface Question {
  readonly title: string;
  readonly text: string;
  /** The button that does it. */
  readonly verb: string;
  readonly harm?: boolean;
}

/** Opens a dialog. Resolves with what the field holds, or `undefined` when somebody thinks better of it. */
function ask(question: Question, label: string, field: HTMLInputElement): Promise<string | undefined> {
  const { title, text, verb, harm = false } = question;
  return new Promise((resolve) => {
    let answer: string | undefined;
    const dialog = h(
      'dialog',
      { 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text' },
      h(
        'form',
        {
          onsubmit: (event) => {
            event.preventDefault();
            answer = field.value.trim();
            dialog.close();
          },
        },
        h('h2', { id: 'dialog-title' }, title),
        h('p', { id: 'dialog-text' }, text),
        h('label', {}, label, field),
        h(
          'div',
          { class: 'buttons' },
          h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'),
          h('button', { type: 'submit', class: harm ? 'harm' : 'main' }, verb),
        ),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** @returns the reason, perhaps empty; `undefined`: not to be done */
export function confirm(question: Question): Promise<string | undefined> {
  const field = h('input', { type: 'text', maxlength: 200, autocomplete: 'off', placeholder: 'for the audit log', autofocus: true });
  return ask(question, 'Reason (optional)', field);
}

/** Asks for the token and keeps it. @returns whether there is one now */
export async function askToken(text = 'It is the secret part of OTEL_BREAKER_ADMIN_TOKEN, and is kept in this tab only.'): Promise<boolean> {
  const field = h('input', { type: 'password', autocomplete: 'off', required: true, autofocus: true, spellcheck: 'false' });
  const secret = await ask({ title: 'Token', text, verb: 'Use it' }, 'Secret', field);
  if (secret === undefined || secret === '') return false;
  token.set(secret);
  return true;
}
