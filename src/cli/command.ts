import type { Client } from './client.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Io } from './io.ts';
import type { Style } from './style.ts';

/** An option of the command line: `--name`, or `--name <value>`. */
export interface Flag {
  readonly type: 'boolean' | 'string';
  /** Of its value, for the help. */
  readonly value?: string;
  readonly help: string;
  /** May be given several times. */
  readonly multiple?: boolean;
}

/** What a command is given. */
export interface Invocation {
  readonly positionals: readonly string[];
  readonly io: Io;
  readonly style: Style;
  /** Whether a program reads the answer. */
  readonly json: boolean;
  /** Of a switch. */
  has(flag: string): boolean;
  /** Of an option; the last, where it was given several times. */
  option(flag: string): string | undefined;
  options(flag: string): readonly string[];
  /** Made when it is first asked for: most faults are found without one. */
  client(): Client;
}

export interface Command {
  /** As typed: `status`, `config check`. */
  readonly name: string;
  /** After the name: `<name or glob>`. */
  readonly usage?: string;
  /** One line, for the list. */
  readonly summary: string;
  /** Further lines of its own help. */
  readonly details?: readonly string[];
  readonly flags?: Readonly<Record<string, Flag>>;
  /** How many positionals it takes: `[least, most]`. Default none. */
  readonly takes?: readonly [least: number, most: number];
  /** Talks to a process: takes `--url` and `--token`. */
  readonly remote?: boolean;
  run(invocation: Invocation): Promise<ExitCode> | ExitCode;
}
