// `npm run chaos -- policies [--seconds 600] [--seed 1] [--per-second 150] [--kills 5]`: one program with all policies under random faults.
// `npm run chaos -- queue [--kills 300] [--processes 2]`, or without a word: the crash test of the durable queue.
import { parseArgs } from 'node:util';
import { crashRun } from './crash-run.ts';
import { judge } from './policies/judge.ts';
import { policiesRun } from './policies/run.ts';

const string = (value: string) => ({ type: 'string', default: value }) as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string' },
    processes: string('1'),
    seconds: string('600'),
    seed: string('1'),
    'per-second': string('150'),
    tell: { type: 'string' },
  },
});

async function queue(): Promise<number> {
  const kills = Number(values.kills ?? 300);
  const report = await crashRun({
    kills,
    processes: Number(values.processes),
    progress: (done) => process.stderr.write(`\r${done} of ${kills} killed`),
  });
  process.stderr.write('\n');
  const { faults, ...figures } = report;
  console.log(JSON.stringify(figures, undefined, 2));
  for (const fault of faults.slice(0, 50)) console.error(fault);
  console.log(faults.length === 0 ? 'nothing acknowledged was lost, nothing is corrupt, the order holds' : `${faults.length} faults`);
  return faults.length;
}

async function policies(): Promise<number> {
  const options = {
    seconds: Number(values.seconds),
    seed: Number(values.seed),
    perSecond: Number(values['per-second']),
    kills: Number(values.kills ?? 0),
  };
  const story = await policiesRun({ ...options, log: (line) => console.log(line) });
  if (values.tell !== undefined) (await import('node:fs')).writeFileSync(values.tell, JSON.stringify(story));
  const { checks, figures } = judge(story);
  console.log(JSON.stringify(figures, undefined, 2));
  for (const { name, violations } of checks) {
    console.log(`${violations.length === 0 ? 'holds   ' : 'VIOLATED'} ${name}${violations.length === 0 ? '' : ` (${violations.length})`}`);
    for (const each of violations.slice(0, 12)) console.log(`           ${each}`);
  }
  return checks.filter(({ violations }) => violations.length > 0).length;
}

process.exitCode = (await (positionals[0] === 'policies' ? policies() : queue())) === 0 ? 0 : 1;
