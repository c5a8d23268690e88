import type { ConfigError } from '../core/errors.ts';
import { printable, type Style } from './style.ts';

export interface Fault {
  /** The file, or `environment`. */
  readonly source: string;
  readonly line?: number;
  readonly column?: number;
  /** `breakers[0].mode`; absent where the text itself cannot be read. */
  readonly path?: string;
  readonly value: unknown;
  readonly allowed: string;
}

/** One by one, each with where it is: in the file, if it has a line. */
export function faultsOf({ issues, source }: ConfigError, file: string | undefined): Fault[] {
  const fromFile = file ?? source.split(', ').find((each) => each !== 'environment') ?? source;
  return issues.map(({ path, value, allowed, line, column }) => {
    const unreadable = path === 'OTEL_BREAKER_CONFIG_FILE';
    const inEnvironment = path.startsWith('OTEL_BREAKER_') && !unreadable;
    return {
      source: inEnvironment ? 'environment' : fromFile,
      ...(line !== undefined && { line, column: column ?? 1 }),
      ...(path !== '' && !unreadable && { path }),
      value,
      allowed,
    };
  });
}

/** As compilers say it, so that editors and terminals can jump there: `file:line:column: path is value; allowed: ...`. */
export function faultLine({ source, line, column, path, value, allowed }: Fault, style: Style): string {
  const where = line === undefined ? source : `${source}:${line}:${column}`;
  const said = path === undefined ? show(value) : `${path} is ${show(value)}`;
  return `${style('bold', printable(where))}: ${printable(said)}; allowed: ${printable(allowed)}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
