import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Token } from '../management/ports.ts';
import { parseTokens } from '../management/tokens.ts';

/** Who may see and control the breakers: by environment variables, or a file that only the service can read. */
export interface TokenSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file: string | undefined;
  readonly cwd: string;
}

/** @throws Error naming what cannot be used, never a secret */
export function readTokens({ env, file, cwd }: TokenSources): Token[] {
  const { OTEL_BREAKER_ADMIN_TOKEN: admin, OTEL_BREAKER_READ_TOKEN: read } = env;
  return [
    ...(admin === undefined ? [] : parseTokens(admin)),
    ...(read === undefined ? [] : parseTokens(read, 'read', 'OTEL_BREAKER_READ_TOKEN')),
    ...(file === undefined ? [] : parseTokens(textOf(resolve(cwd, file)), 'admin', file)),
  ];
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`the file of tokens ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
}
