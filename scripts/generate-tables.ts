// Writes the tables of the README from the code that they describe: `npm run tables`. A test holds them up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { optionsSchema } from '../src/core/options.ts';
import { allowed, type ObjectSchema, type Schema } from '../src/core/schema.ts';
import { type MetricDefinition, metrics, targetAttributes } from '../src/telemetry/names.ts';

const readme = fileURLToPath(new URL('../README.md', import.meta.url));

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function byDefault(schema: Schema): string {
  if (schema.kind === 'object' && schema.default !== undefined) return code('on');
  if (schema.default !== undefined)
    return schema.kind === 'variant' ? '' : code(typeof schema.default === 'number' ? schema.default.toLocaleString('en') : String(schema.default));
  return schema.offable ? 'off' : '';
}

function optionRows(schema: ObjectSchema, prefix = ''): string[][] {
  return Object.entries(schema.properties).flatMap(([key, property]): string[][] => {
    const own = [
      code(prefix + key),
      byDefault(property),
      allowed({ ...property, offable: false }).replace(/^an object .*/, ''),
      property.description ?? '',
    ];
    if (property.kind === 'object') return [own, ...optionRows(property, `${prefix}${key}.`)];
    if (property.kind !== 'variant') return [own];
    const variants = Object.entries(property.variants).flatMap(([type, variant]) => {
      const { type: _, ...rest } = variant.properties;
      return optionRows({ kind: 'object', properties: rest }, `${prefix}${key}.`).map(([name, ...cells]) => [
        `${name} (type ${code(type)})`,
        ...cells,
      ]);
    });
    return [[code(`${prefix}${key}.type`), code('time'), Object.keys(property.variants).join(' or '), property.description ?? ''], ...variants];
  });
}

const kinds: Record<MetricDefinition['kind'], string> = {
  counter: 'counter',
  updowncounter: 'up-down counter',
  gauge: 'gauge',
  histogram: 'histogram',
};

/** Each table by the name of its markers in the README. */
export function tables(): Record<string, string> {
  return {
    options: table(['option', 'default', 'allowed', 'meaning'], optionRows(optionsSchema)),
    metrics: [
      table(
        ['metric', 'kind', 'unit', 'attributes beside the common ones', 'what it counts'],
        Object.values(metrics).map(({ name, kind, unit, attributes, description }: MetricDefinition) => [
          code(name),
          kinds[kind],
          code(unit),
          attributes.map(code).join(', '),
          description,
        ]),
      ),
      `\nOn every series, where known: ${targetAttributes.map(code).join(', ')}.`,
    ].join('\n'),
  };
}

/** The README with its tables as they should be. */
export function withTables(text: string): string {
  return Object.entries(tables()).reduce((before, [name, content]) => {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const from = before.indexOf(begin);
    const to = before.indexOf(end);
    if (from < 0 || to < from) throw new Error(`README.md has no ${begin} ... ${end}`);
    return `${before.slice(0, from + begin.length)}\n\n${content}\n\n${before.slice(to)}`;
  }, text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(readme, withTables(readFileSync(readme, 'utf8')));
