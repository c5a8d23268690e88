import { type ParseArgsConfig, parseArgs } from 'node:util';
import { nearest } from '../core/nearest.ts';
import type { Command, Flag } from './command.ts';
import { usageError } from './exit-codes.ts';

/** Of every command. */
export const commonFlags: Readonly<Record<string, Flag>> = {
  json: { type: 'boolean', help: 'the answer as JSON, for scripts' },
  help: { type: 'boolean', help: 'this help' },
};

/** Of commands that talk to a process. */
export const remoteFlags: Readonly<Record<string, Flag>> = {
  url: { type: 'string', value: '<url>', help: 'of the management server (default http://127.0.0.1:9464; OTEL_BREAKER_URL)' },
  token: { type: 'string', value: '<token>', help: 'others on the machine can see it: prefer OTEL_BREAKER_ADMIN_TOKEN' },
};

export function flagsOf({ flags = {}, remote = false }: Command): Readonly<Record<string, Flag>> {
  return { ...flags, ...(remote ? remoteFlags : {}), ...commonFlags };
}

export interface Parsed {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, readonly (string | boolean)[]>>;
}

/** @throws CliError naming what is not understood, and what is */
export function parse(command: Command, args: readonly string[]): Parsed {
  const flags = flagsOf(command);
  const options: ParseArgsConfig['options'] = Object.fromEntries(
    Object.entries(flags).map(([name, { type }]) => [name, { type, multiple: true, ...(name === 'help' && { short: 'h' }) }]),
  );
  const tokens = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
  const values: Record<string, (string | boolean)[]> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) throw unknownFlag(command, token.rawName, Object.keys(flags));
    if (flag.type === 'boolean' && token.value !== undefined) throw usageError(`${token.rawName} takes no value`);
    // `--url --json`: the next option was taken for the value.
    if (flag.type === 'string' && (token.value === undefined || token.value === '' || (!token.inlineValue && token.value.startsWith('--'))))
      throw usageError(`${token.rawName} needs a value: ${token.rawName} ${flag.value ?? '<value>'}`);
    values[token.name] = [...(values[token.name] ?? []), token.value ?? true];
    if (flag.multiple !== true && flag.type === 'string' && (values[token.name]?.length ?? 0) > 1)
      throw usageError(`${token.rawName} is given twice`);
  }
  if (values.help === undefined) checkCount(command, positionals);
  return { positionals, values };
}

function unknownFlag({ name }: Command, given: string, known: readonly string[]) {
  const near = nearest(given.replace(/^-+/, ''), known);
  const all = known.map((each) => `--${each}`).join(', ');
  return usageError(`${name} has no option ${given}${near === undefined ? '' : `; did you mean --${near}?`}; it has ${all}`);
}

function checkCount({ name, usage = '', takes: [least, most] = [0, 0] }: Command, positionals: readonly string[]): void {
  const should = `otel-breaker ${name} ${usage}`.trim();
  if (positionals.length < least) throw usageError(`something is missing: ${should}`);
  if (positionals.length > most) throw usageError(`'${positionals[most]}' is too much (put names with blanks in quotes): ${should}`);
}
