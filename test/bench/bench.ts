// npm run bench [-- parts...] [--quick] [--peers] [--readme] [--strict]: measures, prints every row with its target, keeps the
// figures in .bench/; --readme puts them into the README, --strict fails where a target is missed. `guard` runs only by its name.
import { clients } from './parts/clients.ts';
import { engine } from './parts/engine.ts';
import { guard } from './parts/guard.ts';
import { memory } from './parts/memory.ts';
import { outages } from './parts/outages.ts';
import type { Part } from './parts/part.ts';
import { startup } from './parts/startup.ts';
import { telemetry } from './parts/telemetry.ts';
import { intoReadme, markdown, type Report } from './support/report.ts';
import { holds } from './support/rows.ts';
import { compile, keptReports, save } from './support/workers.ts';

const published: Readonly<Record<string, Part>> = { engine, memory, telemetry, clients, outages, startup };
const parts: Readonly<Record<string, Part>> = { ...published, guard };

const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = [
  ...named.filter((name) => !(name in parts)),
  ...flags.filter((flag) => !['--quick', '--peers', '--readme', '--strict'].includes(flag)),
];
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}, --quick, --peers, --readme and --strict`);
  process.exit(2);
}

await compile();
let missed = 0;
for (const name of named.length > 0 ? named : Object.keys(published)) {
  const report = await (parts[name] as Part)({ quick: flags.includes('--quick'), peers: flags.includes('--peers') });
  console.log(`\n## ${name}\n\n${markdown(report)}`);
  missed += report.rows.filter((row) => holds(row) === false).length;
  save(`${name}.json`, JSON.stringify(report, undefined, 2));
}

// What was measured before stays in the table until its part is run again.
const kept = keptReports(Object.keys(published));
const all: Report = { rows: kept.flatMap(({ rows }) => rows), comparisons: kept.flatMap(({ comparisons }) => comparisons) };
const file = save('RESULTS.md', `${markdown(all)}\n`);
if (flags.includes('--readme')) intoReadme(markdown(all, true));
console.log(`\nThe README's table, of the last run of each part: ${file}. Targets missed in this run: ${missed}.`);
// Timings depend on the machine: only who asks for it is failed by them.
process.exit(flags.includes('--strict') && missed > 0 ? 1 : 0);
