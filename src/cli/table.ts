import { clip, printable, type Style, type Tone } from './style.ts';

export interface Cell {
  readonly text: string;
  readonly tone?: Tone | undefined;
}

export interface Column {
  readonly title: string;
  readonly right?: boolean;
  /** Gives way when the lines are too long; at least this many characters of it stay. */
  readonly shrinksTo?: number;
  /** Is left out where even that is not enough, the lowest number first. */
  readonly leaves?: number;
}

const gap = '  ';

/** Lines of a table with its head, none longer than `width` as far as columns may shrink or be left out. */
export function table(all: readonly Column[], rows: readonly (readonly Cell[])[], style: Style, width = Number.POSITIVE_INFINITY): string[] {
  const texts = rows.map((row) => row.map((cell) => ({ ...cell, text: printable(cell.text) })));
  const fitted = fitColumns(
    all.map((column, index) => ({ column, index, width: Math.max(column.title.length, ...texts.map((row) => row[index]?.text.length ?? 0)) })),
    width,
  );
  const line = (row: readonly Cell[]): string =>
    fitted
      .map(({ column, index, width: room }, position) => {
        const { text, tone } = row[index] ?? { text: '' };
        const cut = clip(text, room);
        const padding = ' '.repeat(room - cut.length);
        const shown = tone === undefined ? cut : style(tone, cut);
        if (column.right === true) return padding + shown;
        return position === fitted.length - 1 ? shown : shown + padding;
      })
      .join(gap)
      .trimEnd();
  return [line(all.map(({ title }) => ({ text: title, tone: 'dim' }))), ...texts.map(line)];
}

interface Fitted {
  readonly column: Column;
  readonly index: number;
  readonly width: number;
}

function fitColumns(columns: readonly Fitted[], width: number): readonly Fitted[] {
  const least = ({ column: { shrinksTo, title }, width: wanted }: Fitted): number =>
    shrinksTo === undefined ? wanted : Math.min(wanted, Math.max(shrinksTo, title.length));
  const total = (widths: readonly number[]): number => widths.reduce((sum, each) => sum + each + gap.length, -gap.length);
  if (total(columns.map(least)) > width) {
    const [first] = columns.filter(({ column }) => column.leaves !== undefined).sort((a, b) => (a.column.leaves ?? 0) - (b.column.leaves ?? 0));
    if (first !== undefined)
      return fitColumns(
        columns.filter((each) => each !== first),
        width,
      );
  }
  let over = total(columns.map((each) => each.width)) - width;
  // The last first: what stands left is what one looks for.
  return columns
    .toReversed()
    .map((each) => {
      const cut = Math.min(Math.max(0, over), each.width - least(each));
      over -= cut;
      return { ...each, width: each.width - cut };
    })
    .toReversed();
}
