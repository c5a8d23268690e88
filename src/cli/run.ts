import { nearest } from '../core/nearest.ts';
import { version } from '../core/version.ts';
import { parse } from './arguments.ts';
import { Client } from './client.ts';
import type { Command, Invocation } from './command.ts';
import { commands } from './commands.ts';
import { CliError, type ExitCode, exitCodes, usageError } from './exit-codes.ts';
import { commandHelp, generalHelp } from './help.ts';
import type { Io } from './io.ts';
import { printable, styleFor } from './style.ts';

/** Runs a command line, and says how it ended. Never throws: what goes wrong is told on stderr. */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  try {
    const asked = args[0];
    if (asked === 'help' || asked === '--help' || asked === '-h') return show(io, helpOn(args.slice(1)));
    if (asked === '--version') return show(io, `${version}\n`);
    const { command, rest } = find(args);
    const { positionals, values } = parse(command, rest);
    if (values.help !== undefined) return show(io, commandHelp(command));
    return await command.run(invocation(command, io, positionals, values));
  } catch (error) {
    return tell(error, io, args);
  }
}

function invocation(command: Command, io: Io, positionals: readonly string[], values: ReturnType<typeof parse>['values']): Invocation {
  const texts = (flag: string): string[] => (values[flag] ?? []).map(String);
  let client: Client | undefined;
  return {
    positionals,
    io,
    style: styleFor(io.terminal, io.env),
    json: values.json !== undefined,
    has: (flag) => values[flag] !== undefined,
    option: (flag) => texts(flag).at(-1),
    options: texts,
    client: () => {
      if (command.remote !== true) throw new Error(`${command.name} has no --url`);
      client ??= new Client(io, texts('url').at(-1), texts('token').at(-1));
      return client;
    },
  };
}

function helpOn(args: readonly string[]): string {
  return args.length === 0 || args[0]?.startsWith('-') ? generalHelp(commands) : commandHelp(find(args).command);
}

/** The command that the first words name; `status` where there are none. */
function find(args: readonly string[]): { readonly command: Command; readonly rest: readonly string[] } {
  const [first = 'status'] = args[0]?.startsWith('-') ? ['status'] : args;
  for (const command of commands) {
    const words = command.name.split(' ');
    if (words.every((word, index) => (index === 0 ? first : args[index]) === word)) {
      return { command, rest: args[0] === first ? args.slice(words.length) : args };
    }
  }
  const names = commands.map(({ name }) => name);
  const longer = names.filter((name) => name.startsWith(`${first} `));
  const near = longer.length > 0 ? longer.join(' or ') : nearest(first, names);
  throw usageError(`there is no command '${first}'${near === undefined ? '' : `; did you mean ${near}?`}; there are ${names.join(', ')}`);
}

function show(io: Io, text: string): ExitCode {
  io.out(text);
  return exitCodes.ok;
}

function tell(error: unknown, io: Io, args: readonly string[]): ExitCode {
  // Whoever stops a command knows why it ended.
  if (io.ended.aborted) return exitCodes.ok;
  const known =
    error instanceof CliError
      ? error
      : new CliError(exitCodes.refused, 'internal', error instanceof Error ? (error.stack ?? error.message) : String(error));
  const { code, message } = known;
  if (args.includes('--json')) io.out(`${JSON.stringify({ error: { code, message } })}\n`);
  else io.err(`otel-breaker: ${code === 'internal' ? message : printable(message)}\n`);
  return known.exitCode;
}
