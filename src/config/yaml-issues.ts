/** A fault as the parser has it. */
interface Found {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [begin: number, end: number];
}

/** What stands in quotes or brackets, as far as the parser has found its end: inner ones after those around them. */
export interface Delimited {
  readonly begin: number;
  readonly end: number;
}

interface Cause {
  readonly offset: number;
  readonly message: string;
}

/** Faults that leave the rest of the text as it is: what is found after one is a fault of its own. */
const contained: ReadonlySet<string> = new Set(['DUPLICATE_KEY', 'BAD_SCALAR_START', 'BAD_DQ_ESCAPE', 'BAD_ALIAS', 'TAG_RESOLVE_FAILED']);

/**
 * What is wrong with a text, each at its cause. After a fault of the structure a parser finds more, which are its consequences;
 * and it finds out late that something was never closed, or that a line went on with the one before.
 */
export function causesOf(text: string, found: readonly Found[], delimited: readonly Delimited[]): Cause[] {
  const errors = found.toSorted((a, b) => a.pos[0] - b.pos[0]);
  const first = errors.findIndex(({ code }) => !contained.has(code));
  const told = first === -1 ? errors : errors.slice(0, first + 1);
  return told.map(({ code, message, pos: [offset] }) => {
    const opening = /closing|and end with a/.test(message) ? delimited.findLast(({ begin, end }) => begin <= offset && end >= offset) : undefined;
    if (opening !== undefined) return { offset: opening.begin, message: `${text[opening.begin]} is never closed` };
    const next = text.indexOf('\n', offset) + 1;
    const severalLines = errors.some((each) => each.code === 'MULTILINE_IMPLICIT_KEY' && each.pos[0] === offset);
    if (code !== 'BLOCK_AS_IMPLICIT_KEY' || !severalLines || next === 0) return { offset, message };
    const indent = text.slice(next).search(/[^ ]|$/);
    return { offset: next + indent, message: 'it is indented further than the line before, which has its value already' };
  });
}
