import { ConfigError, type ConfigIssue } from '../core/errors.ts';
import { check } from '../core/schema.ts';
import { type Environment, type EnvironmentReading, readEnvironment } from './environment.ts';
import { type ConfigFile, configPlaces, configText, type Position, readConfigFile } from './load.ts';
import { type ConfigurationInput, codeConfigSchema, configSchema } from './schema.ts';

export interface SourceOptions {
  /** Default: `process.env`. */
  readonly env?: Environment;
  /** Where a configuration file is looked for, and what a relative name is relative to. Default: the working directory. */
  readonly cwd?: string;
  /** What the program itself says; wins over environment and file. */
  readonly code?: ConfigurationInput | undefined;
}

/** Everything that was read, from the weakest to the strongest source, with all its faults. */
export interface Sources {
  readonly file: ConfigurationInput;
  readonly environment: ConfigurationInput;
  readonly code: ConfigurationInput;
  /** For messages: the names of the sources that say anything. */
  readonly name: string;
  readonly issues: readonly ConfigIssue[];
  /** The names of the sources that have issues. */
  readonly faulty: string;
  readonly warnings: readonly string[];
  /** The file that was read. */
  readonly fileName: string | undefined;
  /** Nothing at all is in it, as while an editor writes it. */
  readonly fileEmpty: boolean;
  /** Where a file is looked for, full paths. */
  readonly places: readonly string[];
  /** What was said of the mode anywhere, as text: a source that cannot be understood may have asked for no more than shadow. */
  readonly modes: readonly string[];
  /** Where a path of the file's stands in it. */
  locate(path: string): Position | undefined;
}

/** Reads and checks file, environment and code. Faults are collected: what is returned with issues is only to salvage from. */
export function readSources(options: SourceOptions = {}): Sources {
  const environment = readEnvironment(options.env ?? process.env);
  const issues: ConfigIssue[] = [...environment.issues];
  const cwd = options.cwd ?? process.cwd();
  const file = readFile(environment.configFile, cwd, issues);
  const text = configText(environment.configFile, cwd);
  const fileFaulty = issues.length > environment.issues.length;
  const code = options.code ?? {};
  const codeIssues: ConfigIssue[] = [];
  const checkedCode = prepare(check(codeConfigSchema, code, codeIssues), code, codeIssues);
  issues.push(...codeIssues);
  return {
    file: file.input,
    environment: environment.input,
    code: checkedCode,
    name: join([file.name, speaks(environment) ? 'environment' : undefined, options.code && 'code']),
    faulty: join([
      fileFaulty ? file.name : undefined,
      environment.issues.length > 0 ? 'environment' : undefined,
      codeIssues.length > 0 ? 'code' : undefined,
    ]),
    issues,
    warnings: [...file.warnings, ...environment.warnings],
    fileName: file.name,
    fileEmpty: text.trim() === '',
    places: configPlaces(environment.configFile, cwd),
    modes: modesIn(text, options.env ?? process.env),
    locate: file.locate,
  };
}

/** Every value of a `mode` in the file's text and of the environment's `*_MODE` variables. */
function modesIn(text: string, env: Environment): string[] {
  const inFile = [...text.matchAll(/\bmode["']?\s*:\W*([\w-]+)/gi)].map(([, mode = '']) => mode);
  const inEnvironment = Object.entries(env).flatMap(([name, value]) =>
    /^OTEL_BREAKER_(\w+_)?MODE$/.test(name) && value?.trim() ? [value.trim()] : [],
  );
  return [...inFile, ...inEnvironment];
}

interface FileReading {
  readonly name?: string;
  readonly input: ConfigurationInput;
  readonly warnings: readonly string[];
  locate(path: string): Position | undefined;
}

function readFile(named: string | undefined, cwd: string, issues: ConfigIssue[]): FileReading {
  let file: ConfigFile | undefined;
  try {
    file = readConfigFile(named, cwd);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    issues.push(...error.issues);
    return { name: error.source, input: {}, warnings: [], locate: () => undefined };
  }
  if (file === undefined) return { input: {}, warnings: [], locate: () => undefined };
  const { name, content, warnings } = file;
  const locate = (path: string): Position | undefined => file.locate(path);
  // An empty file, or one of nothing but comments, says nothing.
  const raw = content ?? {};
  const found: ConfigIssue[] = [];
  const input = prepare(check(configSchema, raw, found, { text: 'file' }), raw, found);
  issues.push(...found.map((issue) => ({ ...issue, ...locate(issue.path) })));
  return { name, input, warnings, locate };
}

/** Unfolds the short form of `defaults.mode`; hands out the raw input when it is at fault, to salvage from. */
function prepare(checked: unknown, raw: unknown, issues: ConfigIssue[]): ConfigurationInput {
  if (issues.length > 0) return raw as ConfigurationInput;
  const { mode, ...input } = checked as ConfigurationInput;
  if (mode === undefined) return input;
  if (input.defaults?.mode !== undefined && input.defaults.mode !== mode) {
    issues.push({ path: 'mode', value: mode, allowed: `the same as defaults.mode (${input.defaults.mode}), or only one of the two` });
  }
  return { ...input, defaults: { mode, ...input.defaults } };
}

function speaks(environment: EnvironmentReading): boolean {
  return Object.keys(environment.input).length > 0 || environment.issues.length > 0;
}

function join(names: readonly (string | undefined)[]): string {
  return [...new Set(names.filter((name) => name !== undefined))].join(', ') || 'configuration';
}
