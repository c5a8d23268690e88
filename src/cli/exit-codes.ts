/** How a command ends, for scripts. Documented in the README and in `--help`. */
export const exitCodes = {
  /** Done, or shown. */
  ok: 0,
  /** A fault was found, or the process refused to do it. */
  refused: 1,
  /** The command line itself makes no sense. */
  usage: 2,
  /** No management server of otel-breaker answers at the URL. */
  unreachable: 3,
  /** The token is missing, not known, or may not do this. */
  unauthorized: 4,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends the command with a message for people; with `--json`, as `{ "error": { "code", "message" } }`. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  /** For programs: `usage`, `unreachable`, or what the server said. */
  readonly code: string;

  constructor(exitCode: ExitCode, code: string, message: string) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.code = code;
  }
}

/** What was said, and what may be said instead. */
export function usageError(message: string): CliError {
  return new CliError(exitCodes.usage, 'usage', message);
}
