import { onTestFinished, vi } from 'vitest';
import type { ExitCode } from '../../src/cli/exit-codes.ts';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';
import { Rig, secret } from '../management/rig.ts';

export interface Ran {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

export interface Given {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly terminal?: boolean;
  /** Runs instead of waiting; the command ends when there are no more. */
  readonly looks?: readonly (() => void)[];
  readonly columns?: number;
  readonly rows?: number;
}

/** Runs a command line as the program does, without a process. */
export async function cli(args: readonly string[], given: Given = {}): Promise<Ran> {
  const said = { out: '', err: '' };
  const ended = new AbortController();
  const looks = [...(given.looks ?? [])];
  const io: Io = {
    env: given.env ?? {},
    cwd: given.cwd ?? '/nowhere',
    terminal: given.terminal ?? false,
    size: () => ({ columns: given.columns ?? 120, rows: given.rows ?? 30 }),
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    ended: ended.signal,
    wait: async () => {
      const look = looks.shift();
      if (look === undefined) ended.abort();
      else look();
    },
  };
  const code = await run(args, io);
  return { code, ...said };
}

export const admin = { OTEL_BREAKER_ADMIN_TOKEN: `ops:${secret}` };

/** A management server that answers whatever is fetched. */
export function served(rig = new Rig()): Rig {
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const { pathname } = new URL(url);
    const { status, text, headers } = await rig.ask(init.method ?? 'GET', pathname, {
      headers: init.headers as Record<string, string>,
      ...(init.body !== undefined && { raw: String(init.body) }),
    });
    return new Response(text, { status, headers });
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  return rig;
}

/** Nobody answers. */
export function refused(): void {
  vi.stubGlobal('fetch', () => Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } })));
  onTestFinished(() => void vi.unstubAllGlobals());
}
