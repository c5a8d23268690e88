export type Tone = 'good' | 'bad' | 'warn' | 'dim' | 'bold';
export type Style = (tone: Tone, text: string) => string;

const codes: Readonly<Record<Tone, readonly [on: number, off: number]>> = {
  good: [32, 39],
  bad: [31, 39],
  warn: [33, 39],
  dim: [2, 22],
  bold: [1, 22],
};

/** Colours only for somebody who looks and has not said no: https://no-color.org, and terminals that know none. */
export function styleFor(terminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  const colours = terminal && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  if (!colours) return (_tone, text) => text;
  return (tone, text) => `\u001B[${codes[tone][0]}m${text}\u001B[${codes[tone][1]}m`;
}

/** Names and messages come from the process that is looked at: none of their characters may command the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{FFFD}');
}

/** At most so long, with a sign that something is missing. */
export function clip(text: string, width = Number.POSITIVE_INFINITY): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
