// npm run soak -- [--minutes 30] [--seed N] [--rate 60] [--preload file] [--out file]
// Half an hour of mixed load, guarded and unguarded side by side, while the servers are broken at random.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { judge } from './judge.ts';
import { soak } from './run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string' },
    rate: { type: 'string', default: '60' },
    preload: { type: 'string', default: 'otel-breaker/register' },
    out: { type: 'string' },
  },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const write = (line: string): boolean => process.stdout.write(`${line}\n`);
write(`soak: ${values.minutes} minutes, seed ${seed}, ${values.rate} operations a second in each of two processes`);

const run = await soak({ minutes: Number(values.minutes), seed, perSecond: Number(values.rate), preload: values.preload, log: write });
const { checks, comparison, good } = judge(run);

write('\n| | measured | violations |\n| --- | --- | ---: |');
for (const { name, measured, violations } of checks) write(`| ${name} | ${measured} | ${violations.length} |`);
for (const { name, violations } of checks) {
  if (violations.length === 0) continue;
  write(`\n${name}: not so`);
  for (const each of violations.slice(0, 20)) write(`  ${each}`);
}
if (comparison.odd.length > 0) write(`\nodd in the twin as well, or only there:\n  ${comparison.odd.slice(0, 10).join('\n  ')}`);
if (comparison.wrong.length > 0) write(`\nwrong during a fault, in the protected one only:\n  ${comparison.wrong.slice(0, 20).join('\n  ')}`);
write(`\noutcomes: ${JSON.stringify(comparison.outcomes)}`);
if (values.out !== undefined) {
  writeFileSync(values.out, JSON.stringify({ ...run, checks, comparison }));
}
// By force: Node 20 was seen to spin for ever in the clean-up of its own handles, after all was said.
process.stdout.write(good ? 'good\n' : 'NOT GOOD\n', () => process.exit(good ? 0 : 1));
