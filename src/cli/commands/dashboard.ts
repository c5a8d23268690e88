import type { Command } from '../command.ts';
import { exitCodes, usageError } from '../exit-codes.ts';
import { sourceFlag, sourceOf } from '../metric-source.ts';

const names = ['overview', 'circuit'] as const;

export const dashboard: Command = {
  name: 'dashboard',
  usage: `[${names.join('|')}]`,
  summary: 'Print a Grafana dashboard as JSON, to be imported',
  details: ['overview (default): all services and circuits. circuit: one of them in depth.'],
  takes: [0, 1],
  flags: { source: sourceFlag },
  async run(invocation) {
    const given = invocation.positionals[0] ?? 'overview';
    const name = names.find((each) => each === given);
    if (name === undefined) throw usageError(`there is no dashboard '${given}'; there are ${names.join(', ')}`);
    const source = sourceOf(invocation);
    const { dashboardJson } = await import('../../observability/print.ts');
    invocation.io.out(dashboardJson(name, source));
    return exitCodes.ok;
  },
};
