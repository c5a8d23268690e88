import { flagsOf } from './arguments.ts';
import type { Command } from './command.ts';

const codes = [
  'Exit codes: 0 done; 1 a fault was found, or it was refused; 2 the command line makes no sense;',
  '            3 no process answers; 4 the token is missing, not known, or may not do this.',
];

/** All commands, a line each. */
export function generalHelp(commands: readonly Command[]): string {
  return lines([
    'Usage: otel-breaker <command> [options]',
    '',
    'See and control the circuit breakers of a running process, check its configuration, print what is generated.',
    '',
    ...pairs(commands.map((command) => [signature(command), command.summary])),
    '',
    'otel-breaker <command> --help says more. Without a command: status. Also: --version.',
    ...codes,
  ]);
}

export function commandHelp(command: Command): string {
  const flags = Object.entries(flagsOf(command)).map(([name, { value, help }]): [string, string] => [
    `--${name}${value === undefined ? '' : ` ${value}`}`,
    help,
  ]);
  return lines([
    `Usage: otel-breaker ${signature(command)} [options]`,
    '',
    `${command.summary}.`,
    ...(command.details ?? []),
    '',
    ...pairs(flags),
    '',
    ...codes,
  ]);
}

function signature({ name, usage }: Command): string {
  return usage === undefined ? name : `${name} ${usage}`;
}

function pairs(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
