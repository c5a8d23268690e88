import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, resolve } from 'node:path';
import type { Document, LineCounter } from 'yaml';
import { withoutCredentials } from '../core/credentials.ts';
import { ConfigError, type ConfigIssue } from '../core/errors.ts';
import { causesOf, type Delimited } from './yaml-issues.ts';

/** Looked for in the working directory, in this order, when OTEL_BREAKER_CONFIG_FILE names no file. */
export const configFileNames = ['otel-breaker.yaml', 'otel-breaker.yml', 'otel-breaker.json'] as const;

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A file that was read and parsed, but not checked. */
export interface ConfigFile {
  /** As the user named it. */
  readonly name: string;
  readonly content: unknown;
  readonly warnings: readonly string[];
  /** Where a path such as `breakers[2].match` stands, or the nearest thing around it that is there. */
  locate(path: string): Position | undefined;
}

/**
 * Finds, reads and parses the configuration file. `undefined` when none is named and none is found.
 * @throws ConfigError when the named file cannot be read or a file is no YAML or JSON.
 */
export function readConfigFile(named: string | undefined, cwd: string): ConfigFile | undefined {
  for (const name of named === undefined ? configFileNames : [named]) {
    const text = readText(name, cwd, named !== undefined);
    if (text !== undefined) return name.toLowerCase().endsWith('.json') ? parseJson(name, text) : parseYaml(name, text);
  }
  return undefined;
}

/** Where a configuration file is looked for: full paths. */
export function configPlaces(named: string | undefined, cwd: string): string[] {
  return (named === undefined ? configFileNames : [named]).map((name) => resolve(cwd, name));
}

/** Far beyond what a person writes; reading and checking more would hold the start of the service. */
const MAX_BYTES = 256 * 1_024;

/** The text of the configuration file, whatever is wrong with it; '' when there is none that can be read. */
export function configText(named: string | undefined, cwd: string): string {
  for (const name of named === undefined ? configFileNames : [named]) {
    try {
      const text = readText(name, cwd, false);
      if (text !== undefined) return text;
    } catch {
      // What is wrong with it has been said by whoever had to read it.
    }
  }
  return '';
}

function readText(name: string, cwd: string, required: boolean): string | undefined {
  try {
    const file = resolve(cwd, name);
    // Most processes have no file: an error made and caught would cost more than all the rest here.
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined && !required) return undefined;
    if (stats === undefined) throw Object.assign(new Error(), { code: 'ENOENT' });
    // A pipe or a device may never end.
    const good = stats.isDirectory() || (stats.isFile() && stats.size <= MAX_BYTES);
    if (!good)
      throw Object.assign(new Error(), {
        code: stats.isFile() ? `it has ${stats.size} bytes, at most ${MAX_BYTES} are read` : 'it is no regular file',
      });
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    if (!required && code === 'ENOENT') return undefined;
    const path = required ? 'OTEL_BREAKER_CONFIG_FILE' : '';
    throw new ConfigError([{ path, value: name, allowed: `a file that can be read (${code})` }], required ? 'environment' : name);
  }
}

/** Only when there is a use for it: reading `yaml` costs more than all the rest of the start. */
function loadYaml(): typeof import('yaml') {
  return createRequire(import.meta.url)('yaml') as typeof import('yaml');
}

function parseJson(name: string, text: string): ConfigFile {
  try {
    const content: unknown = text.trim() === '' ? null : JSON.parse(text);
    // JSON is YAML: its parser is asked where things are, once somebody wants to know.
    return { name, content, warnings: [], locate: (path) => locator(openYaml(text), path) };
  } catch (error) {
    const { message } = error as Error;
    const { document, lines } = openYaml(text);
    const at = jsonOffset(text, message) ?? document.errors[0]?.pos[0];
    throw new ConfigError([syntaxIssue(text, at === undefined ? undefined : lines.linePos(at), `valid JSON (${tellable(message, text)})`)], name);
  }
}

/** V8 quotes what stands around the place: where there are credentials, it might be a part of them. */
function tellable(message: string, text: string): string {
  const whole = message.replaceAll(/\s+/g, ' ');
  return withoutCredentials(text) === text ? whole : whole.replace(/".*"/s, 'what stands there');
}

/** V8 tells the position, or quotes ten characters to either side of it. */
function jsonOffset(text: string, message: string): number | undefined {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return Number(position);
  if (message.includes('end of JSON input')) return text.length;
  const quoted = /, \.\.\."(.*?)"(?:\.\.\.)? is not valid JSON$/s.exec(message)?.[1];
  const start = quoted === undefined ? -1 : text.indexOf(quoted);
  return start === -1 || start !== text.lastIndexOf(quoted as string) ? undefined : start + 10;
}

interface Opened {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

function openYaml(text: string): Opened {
  const { LineCounter, parseDocument } = loadYaml();
  const lines = new LineCounter();
  return { document: parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true }), lines };
}

function parseYaml(name: string, text: string): ConfigFile {
  const opened = openYaml(text);
  const { document, lines } = opened;
  if (document.errors.length > 0) {
    const causes = causesOf(text, document.errors, delimitedIn(document));
    throw new ConfigError(
      causes.map(({ offset, message }) => syntaxIssue(text, lines.linePos(offset), `valid YAML (${message})`)),
      name,
    );
  }
  const warnings = document.warnings.map((warning) => `${name}: ${warning.message}`);
  try {
    return { name, content: document.toJS(), warnings, locate: (path) => locator(opened, path) };
  } catch (error) {
    // Aliases that multiply without end, for instance.
    throw new ConfigError([{ path: '', value: basename(name), allowed: `valid YAML (${(error as Error).message})` }], name);
  }
}

function delimitedIn(document: Document.Parsed): Delimited[] {
  const found: Delimited[] = [];
  loadYaml().visit(document, (_key, node) => {
    const { range, flow, type } = (node ?? {}) as { range?: readonly number[] | null; flow?: boolean; type?: string };
    const [begin, end] = range ?? [];
    if (begin !== undefined && end !== undefined && (flow === true || type?.startsWith('QUOTE_'))) found.push({ begin, end });
  });
  return found;
}

function syntaxIssue(text: string, at: { readonly line: number; readonly col: number } | undefined, allowed: string): ConfigIssue {
  if (at === undefined || at.line < 1) return { path: '', value: withoutCredentials(text).slice(0, 80), allowed };
  return { path: '', value: text.split(/\r?\n/)[at.line - 1]?.trim() ?? '', allowed, line: at.line, column: at.col };
}

function locator({ document, lines }: Opened, path: string): Position | undefined {
  const { isAlias, isMap, isScalar, isSeq } = loadYaml();
  let offset: number | undefined;
  let node: unknown = document.contents;
  for (const segment of path.match(/[^.[\]]+/g) ?? []) {
    if (isAlias(node)) node = node.resolve(document);
    let key: unknown;
    if (isMap(node)) {
      const pair = node.items.find((item) => String(isScalar(item.key) ? item.key.value : item.key) === segment);
      [key, node] = [pair?.key, pair?.value];
    } else if (isSeq(node)) {
      node = node.items[Number(segment)];
      key = node;
    }
    const range = (key as { range?: readonly number[] | null } | undefined)?.range;
    if (range === undefined || range === null) break;
    offset = range[0];
  }
  if (offset === undefined) return undefined;
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}
