import { type ChildProcess, spawn } from 'node:child_process';
import { isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { killTree } from './servers/process-tree.mjs';
import { unwatch, watch } from './servers/watchdog.ts';

/** The repository's root: the working directory of every app, so that `--import otel-breaker/register` finds the built package. */
export const repository = fileURLToPath(new URL('../..', import.meta.url));
const apps = join(repository, 'test/integration/apps');

export interface SpawnAppOptions {
  /** Each becomes `--import x`, in this order, before the requires. */
  imports?: readonly string[];
  /** Each becomes `--require x`. */
  requires?: readonly string[];
  /** Further arguments of node, before the file. */
  nodeArgs?: readonly string[];
  /** NODE_OPTIONS; nothing is inherited. */
  nodeOptions?: string;
  /** Added to this process's environment, which is passed on without OTEL_* and NODE_OPTIONS; undefined takes one away. */
  env?: Readonly<Record<string, string | undefined>>;
  args?: readonly string[];
  /** Default: the node that runs the tests. */
  execPath?: string;
  cwd?: string;
  /** Wait until the app says it is ready, by `serve` of support/serve.cjs. Default true. False for apps that just run. */
  ready?: boolean;
  /** Default 30,000. */
  readyTimeoutMs?: number;
}

/** What an operation of the app threw: the app's error as plain data. */
export interface AppError {
  name: string;
  message: string;
  stack?: string;
  code?: string | number;
  retryAfterMs?: number;
  cause?: AppError;
  [key: string]: unknown;
}

/** How a call ended, and how long it took as the app saw it. */
export type AppAnswer<T> = { durationMs: number } & ({ ok: true; result: T } | { ok: false; error: AppError });

export interface SpawnedApp extends AsyncDisposable {
  readonly pid: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of stdout that are JSON objects or arrays, parsed. */
  readonly messages: unknown[];
  /** Resolves when the app has ended and its output has been read. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Runs an operation of the app; an error it throws is an answer as well. @throws when the app ends before it answered */
  call<T = unknown>(operation: string, ...args: unknown[]): Promise<AppAnswer<T>>;
  /** As `call`, resolving with the result. @throws an Error with the app's error as `cause` */
  get<T = unknown>(operation: string, ...args: unknown[]): Promise<T>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after 3 s. */
  stop(): Promise<void>;
}

type Message = { id?: number; ready?: true; result?: unknown; error?: AppError; durationMs?: number };

/** Runs a fixture app, a file of test/integration/apps or an absolute path, as a user would: by node's command line. */
export async function spawnApp(file: string, options: SpawnAppOptions = {}): Promise<SpawnedApp> {
  const path = isAbsolute(file) ? file : join(apps, file);
  const preloads = [
    ...(options.imports ?? []).flatMap((each) => ['--import', each]),
    ...(options.requires ?? []).flatMap((each) => ['--require', each]),
  ];
  const child = spawn(options.execPath ?? process.execPath, [...(options.nodeArgs ?? []), ...preloads, path, ...(options.args ?? [])], {
    cwd: options.cwd ?? repository,
    env: environment(options),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const pid = child.pid ?? 0;
  if (pid !== 0) watch(pid, 'SIGTERM');

  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output.stdout += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (output.stderr += chunk));
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (pid !== 0) unwatch(pid);
      resolve({ code, signal });
    });
  });
  exited.catch(() => {});

  let lastId = 0;
  const pending = new Map<number, { resolve: (message: Message) => void; reject: (error: Error) => void }>();
  const gone = () => new Error(`the app ${file} ended (${child.signalCode ?? child.exitCode})\n${output.stdout}${output.stderr}`);
  let becameReady: (() => void) | undefined;
  const ready = new Promise<void>((resolve) => (becameReady = resolve));
  child.on('message', (message: Message) => {
    if (message.ready) becameReady?.();
    if (message.id !== undefined) pending.get(message.id)?.resolve(message);
  });
  exited.finally(() => {
    for (const { reject } of pending.values()) reject(gone());
  });

  const app: SpawnedApp = {
    pid,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    get messages() {
      const lines = output.stdout.split('\n').filter((line) => /^[{[]/.test(line));
      return lines.map((line): unknown => JSON.parse(line));
    },
    exited,
    async call<T>(operation: string, ...args: unknown[]): Promise<AppAnswer<T>> {
      if (!child.connected) throw gone();
      const id = ++lastId;
      const message = await new Promise<Message>((resolve, reject) => {
        pending.set(id, { resolve, reject });
        child.send({ id, operation, args }, (error) => error !== null && reject(error));
      }).finally(() => pending.delete(id));
      const durationMs = message.durationMs ?? 0;
      if (message.error !== undefined) return { ok: false, error: message.error, durationMs };
      return { ok: true, result: message.result as T, durationMs };
    },
    async get<T>(operation: string, ...args: unknown[]): Promise<T> {
      const answer = await app.call<T>(operation, ...args);
      if (answer.ok) return answer.result;
      throw new Error(`${operation}: ${answer.error.name} ${answer.error.code ?? ''}: ${answer.error.message}`, { cause: answer.error });
    },
    signal: (signal) => void child.kill(signal),
    stop: () => stop(child, exited),
    [Symbol.asyncDispose]: () => stop(child, exited),
  };
  if (options.ready !== false) {
    const timeoutMs = options.readyTimeoutMs ?? 30_000;
    const timer = new AbortController();
    const late = sleep(timeoutMs, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
    const first = await Promise.race([ready, exited.then(() => 'gone' as const), late]);
    timer.abort();
    if (first !== undefined) {
      await app.stop();
      throw first === 'gone' ? gone() : new Error(`the app ${file} was not ready within ${timeoutMs} ms\n${output.stdout}${output.stderr}`);
    }
  }
  return app;
}

function environment({ env = {}, nodeOptions }: SpawnAppOptions): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([key]) => !/^(OTEL_|NODE_OPTIONS$|VITEST|NODE_V8_COVERAGE)/.test(key));
  const made: NodeJS.ProcessEnv = { ...Object.fromEntries(inherited), ...(nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions }) };
  for (const [key, value] of Object.entries(env)) {
    if (value === undefined) delete made[key];
    else made[key] = value;
  }
  return made;
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const timer = new AbortController();
    await Promise.race([exited, sleep(3_000, undefined, { signal: timer.signal }).catch(() => {})]);
    timer.abort();
    if (child.exitCode === null && child.signalCode === null) killTree(child.pid);
  }
  await exited.catch(() => {});
}
