import type { Command } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { sourceFlag, sourceOf } from '../metric-source.ts';

export const rules: Command = {
  name: 'rules',
  summary: 'Print recording and alerting rules for Prometheus, as YAML or with --json as JSON',
  flags: { source: sourceFlag },
  async run(invocation) {
    const source = sourceOf(invocation);
    if (invocation.json) {
      const made = await import('../../observability/rules.ts');
      invocation.io.out(`${JSON.stringify(made.rules(source), null, 2)}\n`);
      return exitCodes.ok;
    }
    const { rulesYaml } = await import('../../observability/print.ts');
    invocation.io.out(await rulesYaml(source));
    return exitCodes.ok;
  },
};
