import { type ChildProcess, fork } from 'node:child_process';
import { cleanEnvironment, workerFile } from './workers.ts';

/** A worker that lives on and answers one message with one. */
export interface Child {
  ask<T>(message: object): Promise<T>;
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** Each becomes `--import x`. */
  readonly preload?: readonly string[];
  /** Further arguments of node. */
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a worker; resolves when it has said that it is ready. */
export async function startChild(
  worker: string,
  args: readonly string[],
  { preload = [], nodeArgs = [], env = {} }: ChildOptions = {},
): Promise<Child> {
  const execArgv = [...nodeArgs, ...preload.flatMap((file) => ['--import', file])];
  const child = fork(workerFile(worker), args, { execArgv, env: cleanEnvironment(env), stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await nextMessage(child);
  return {
    async ask<T>(message: object) {
      const answer = nextMessage(child);
      child.send(message);
      return (await answer) as T;
    },
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a worker ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
}
