// `npm run chaos -- --kills 300 [--processes 2]`: the crash test of the durable queue at length.
import { parseArgs } from 'node:util';
import { crashRun } from './crash-run.ts';

const { values } = parseArgs({ options: { kills: { type: 'string', default: '300' }, processes: { type: 'string', default: '1' } } });
const kills = Number(values.kills);
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
process.exitCode = faults.length === 0 ? 0 : 1;
