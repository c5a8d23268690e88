import { type Configuration, loadConfiguration } from '../../config/configuration.ts';
import { configFileNames } from '../../config/load.ts';
import { ConfigError } from '../../core/errors.ts';
import type { Command, Invocation } from '../command.ts';
import { differences } from '../config-differences.ts';
import { type Fault, faultLine, faultsOf } from '../config-faults.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { printable } from '../style.ts';

export const configCheck: Command = {
  name: 'config check',
  usage: '[file]',
  summary: 'Check a configuration: line and column of each fault, and what would change in the running process',
  details: [
    `Without a file: what OTEL_BREAKER_CONFIG_FILE names, else ${configFileNames.join(', ')} here. OTEL_BREAKER_* variables of this shell count as well.`,
    'Compared are mode, thresholds and rule of the circuits that the process has; what its own environment, its program or somebody by hand has set is shown as a change.',
  ],
  takes: [0, 1],
  remote: true,
  run: check,
};

/** Read by the command line; a service knows nothing of it. */
const ownVariables = ['OTEL_BREAKER_URL'];

async function check(invocation: Invocation) {
  const { io, json, style, positionals } = invocation;
  const named = positionals[0];
  const env = Object.fromEntries(Object.entries(io.env).filter(([name]) => !ownVariables.includes(name)));
  if (named !== undefined) env.OTEL_BREAKER_CONFIG_FILE = named;
  let configuration: Configuration;
  try {
    configuration = loadConfiguration({ env, cwd: io.cwd });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    tellFaults(invocation, faultsOf(error, named ?? env.OTEL_BREAKER_CONFIG_FILE));
    return exitCodes.refused;
  }
  const { file, warnings } = configuration;
  const running = await compare(invocation, configuration);
  if (json) {
    io.out(`${JSON.stringify({ ok: true, ...(file !== undefined && { file }), faults: [], warnings, ...running })}\n`);
    return exitCodes.ok;
  }
  for (const warning of warnings) io.err(`${style('warn', 'warning')}: ${printable(warning)}\n`);
  io.out(
    `${file === undefined ? `no file (looked for ${configFileNames.join(', ')}); the environment` : printable(file)}: ${style('good', 'no fault')}\n`,
  );
  if ('notCompared' in running) io.err(`not compared with a running process: ${printable(running.notCompared)}\n`);
  else if (running.changes.length === 0) io.out(`no change for ${printable(running.service)} (pid ${running.pid})\n`);
  else {
    io.out(`for ${printable(running.service)} (pid ${running.pid}) it would change:\n`);
    for (const change of running.changes) io.out(`  ${printable(change)}\n`);
  }
  return exitCodes.ok;
}

type Running = { readonly service: string; readonly pid: number; readonly changes: readonly string[] } | { readonly notCompared: string };

/** A process that cannot be asked is no fault of the file. */
async function compare({ client }: Invocation, configuration: Configuration): Promise<Running> {
  try {
    const overview = await client().overview();
    return { service: overview.service, pid: overview.pid, changes: differences(overview, configuration) };
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode === exitCodes.usage) throw error;
    return { notCompared: error.message };
  }
}

function tellFaults({ io, json, style }: Invocation, faults: readonly Fault[]): void {
  if (json) io.out(`${JSON.stringify({ ok: false, faults })}\n`);
  else {
    for (const fault of faults) io.out(`${faultLine(fault, style)}\n`);
    io.err(`${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}\n`);
  }
}
