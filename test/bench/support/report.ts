import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { holds, type Row } from './rows.ts';

/** Figures side by side: one line per scenario, one column per contender. */
export interface Comparison {
  readonly title: string;
  readonly columns: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

export interface Report {
  readonly rows: readonly Row[];
  readonly comparisons: readonly Comparison[];
}

const verdicts = { true: 'holds', false: '**missed**', undefined: '' } as const;

/** The README's part between its markers. @param folded for it: the long table of rows is opened by who wants it */
export function markdown({ rows, comparisons }: Report, folded = false): string {
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), Node ${process.versions.node}`;
  return [
    '<!-- bench -->',
    `Measured with \`npm run bench\` on ${machine}: contenders by turns, processor time for costs, medians, quartiles in brackets.`,
    '',
    ...comparisons.flatMap(comparisonTable),
    ...(folded ? unfolding(rows) : rowTable(rows)),
    '<!-- /bench -->',
  ].join('\n');
}

const readme = new URL('../../../README.md', import.meta.url);

/** Puts the tables in place of those that the README has. */
export function intoReadme(tables: string): void {
  const text = readFileSync(readme, 'utf8');
  const parts = /^([\s\S]*)<!-- bench -->[\s\S]*<!-- \/bench -->([\s\S]*)$/.exec(text);
  if (parts === null) throw new Error('the README has no place for the tables: <!-- bench --> to <!-- /bench -->');
  writeFileSync(readme, `${parts[1]}${tables}${parts[2]}`);
}

function comparisonTable({ title, columns, lines }: Comparison): string[] {
  return [
    `| ${title} | ${columns.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(columns.length)}`,
    ...lines.map((line) => `| ${line.join(' | ')} |`),
    '',
  ];
}

function unfolding(rows: readonly Row[]): string[] {
  const judged = rows.filter(({ target }) => target !== undefined);
  const missed = judged.filter((row) => holds(row) === false).length;
  const summary = `Every row with its target: ${judged.length - missed} hold, ${missed} missed`;
  return ['<details>', `<summary>${summary}</summary>`, '', ...rowTable(rows), '</details>', ''];
}

function rowTable(rows: readonly Row[]): string[] {
  if (rows.length === 0) return [];
  const line = (row: Row): string =>
    `| ${row.part} | ${row.what} | ${row.shown} | ${row.target?.text ?? ''} | ${verdicts[String(holds(row)) as keyof typeof verdicts]} |`;
  return ['| part | what | measured | target | |', '| --- | --- | ---: | ---: | --- |', ...rows.map(line), ''];
}
