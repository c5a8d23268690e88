import type { StateView } from '../../../wire.ts';

/** Hears when colours have changed: light and dark, or more contrast. */
export const coloursChanged = new EventTarget();

const known = new Map<string, string>();
for (const query of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)']) {
  matchMedia(query).addEventListener('change', () => {
    known.clear();
    coloursChanged.dispatchEvent(new Event('change'));
  });
}

/** What the style sheet says, for what is drawn. */
export function colour(name: string): string {
  let found = known.get(name);
  if (found === undefined) {
    found = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    known.set(name, found);
  }
  return found;
}

/** The band behind the lines while a circuit is not closed. */
export const bands: Readonly<Partial<Record<StateView, string>>> = {
  open: 'band-open',
  half_open: 'band-half',
  forced_open: 'band-forced',
  disabled: 'band-disabled',
  shadow: 'band-shadow',
};
