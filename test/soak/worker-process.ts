import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { unwatch, watch } from '../support/servers/watchdog.ts';
import type { Finish, Lane, Result, Sample, Story, Transition, Trouble } from './types.ts';

export interface WorkerOptions {
  readonly prefix: string;
  readonly seed: number;
  readonly perSecond: number;
  readonly lanes: readonly Lane[];
  readonly sampleMs: number;
  /** A preload, or none. */
  readonly preload?: string;
}

interface Message {
  readonly ready?: true;
  readonly id?: number;
  readonly answer?: unknown;
  readonly failure?: string;
  readonly results?: Result[];
  readonly transition?: Transition;
  readonly trouble?: Trouble;
  readonly sample?: Sample;
}

export interface Status {
  readonly outstanding: number;
  readonly inFlight: number;
  readonly open: readonly string[];
}

const endMs = 20_000;

/** One of the two programs under load. */
export class WorkerProcess {
  readonly story: Story = { results: [], transitions: [], troubles: [], samples: [], outstanding: 0 };
  readonly #child: ChildProcess;
  readonly #exited: Promise<{ code: number | null; signal: string | null }>;
  readonly #answers = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #ready: (() => void) | undefined;
  #lastId = 0;

  private constructor({ preload, ...options }: WorkerOptions) {
    const preloads = preload === undefined ? [] : ['--import', preload];
    const file = fileURLToPath(new URL('./worker.mjs', import.meta.url));
    this.#child = spawn(process.execPath, ['--expose-gc', ...preloads, file, JSON.stringify(options)], {
      env: { OTEL_BREAKER_SDK: 'off', ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const { pid } = this.#child;
    if (pid !== undefined) watch(pid, 'SIGTERM');
    this.#exited = once(this.#child, 'exit').then(([code, signal]) => {
      if (pid !== undefined) unwatch(pid);
      for (const { reject } of this.#answers.values()) reject(new Error(`the worker ended (${signal ?? code})`));
      return { code: code as number | null, signal: signal as string | null };
    });
    this.#child.on('message', (message: Message) => this.#heard(message));
  }

  static async start(options: WorkerOptions): Promise<WorkerProcess> {
    const worker = new WorkerProcess(options);
    const ended = worker.#exited.then(({ code }) => Promise.reject(new Error(`the worker ended before it was ready (${code})`)));
    ended.catch(() => {});
    await Promise.race([new Promise<void>((resolve) => (worker.#ready = resolve)), ended]);
    return worker;
  }

  begin(epoch: number): Promise<unknown> {
    return this.#ask('start', { epoch });
  }

  status(): Promise<Status> {
    return this.#ask('status') as Promise<Status>;
  }

  stopLoad(): Promise<unknown> {
    return this.#ask('stop');
  }

  /** Has it close its clients, and waits for it to end by itself, as a program does that has nothing left to do. */
  async finish(): Promise<void> {
    this.story.finish = (await this.#ask('finish')) as Finish;
    const from = Date.now();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), endMs);
    this.story.exit = { ...(await this.#exited), afterMs: Date.now() - from };
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #ask(order: string, rest: object = {}): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
      this.#child.send({ id, order, ...rest }, (error) => error !== null && reject(error));
    });
  }

  #heard({ ready, id, answer, failure, results, transition, trouble, sample }: Message): void {
    if (ready) this.#ready?.();
    if (results !== undefined) this.story.results.push(...results);
    if (transition !== undefined) this.story.transitions.push(transition);
    if (trouble !== undefined) this.story.troubles.push(trouble);
    if (sample !== undefined) this.story.samples.push(sample);
    if (id === undefined) return;
    if (failure === undefined) this.#answers.get(id)?.resolve(answer);
    else this.#answers.get(id)?.reject(new Error(failure));
    this.#answers.delete(id);
  }
}
