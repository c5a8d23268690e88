import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unwatch, watch } from '../../support/servers/watchdog.ts';
import type { Ended, Life, Report } from './types.ts';

const file = fileURLToPath(new URL('./worker.mjs', import.meta.url));

export interface LifeOptions {
  readonly life: number;
  readonly seed: number;
  readonly perSecond: number;
  readonly ports: { readonly redis: readonly number[]; readonly pg: readonly number[]; readonly http: readonly number[] };
  readonly database: string;
  /** Where it writes down what has ended. */
  readonly log: string;
  /** Of otel-breaker. */
  readonly configuration: string;
}

/** Nothing of a test runner's. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(OTEL_|NODE_OPTIONS$|VITEST)/.test(name)));
}

/** The protected program, from its start to its end. */
export class WorkerLife {
  readonly #options: LifeOptions;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #from = Date.now();
  #stderr = '';
  #killed = false;
  #report: Report | undefined;
  #waiting: ((report: Report) => void)[] = [];

  private constructor(options: LifeOptions) {
    this.#options = options;
    const { configuration, ...rest } = options;
    this.#child = spawn(process.execPath, ['--expose-gc', '--import', 'otel-breaker/register', file, JSON.stringify(rest)], {
      env: { ...inherited(), OTEL_BREAKER_SDK: 'off', OTEL_BREAKER_CONFIG_FILE: configuration },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const { pid } = this.#child;
    if (pid !== undefined) watch(pid, 'SIGKILL');
    this.#exited = once(this.#child, 'exit').then(() => pid !== undefined && unwatch(pid));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#child.on('message', ({ report }: { report?: Report }) => {
      if (report === undefined) return;
      this.#report = report;
      for (const resolve of this.#waiting.splice(0)) resolve(report);
    });
  }

  static async start(options: LifeOptions): Promise<WorkerLife> {
    const life = new WorkerLife(options);
    const ended = life.#exited.then(() => Promise.reject(new Error(`the worker ended before it was ready\n${life.#stderr}`)));
    ended.catch(() => {});
    await Promise.race([once(life.#child, 'message'), ended]);
    await life.order('start');
    return life;
  }

  order(order: 'start' | 'stop' | 'report'): Promise<Report> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      this.#child.send({ order }, (error) => error !== null && reject(error));
    });
  }

  /** SIGKILL, whatever it is doing. */
  async kill(): Promise<Life> {
    this.#killed = true;
    this.#child.kill('SIGKILL');
    return this.#over();
  }

  /** Has it close its clients, and waits for it to end by itself. */
  async end(): Promise<Life> {
    this.#child.send({ order: 'end' });
    const late = setTimeout(() => void this.kill(), 15_000);
    const life = await this.#over();
    clearTimeout(late);
    return life;
  }

  async #over(): Promise<Life> {
    await this.#exited;
    const ended: Ended[] = [];
    const stalls: [number, number][] = [];
    const troubles = this.#stderr === '' ? [] : [`stderr: ${this.#stderr.slice(0, 2_000)}`];
    // A line that the kill has cut short was not said.
    for (const line of readFileSync(this.#options.log, 'utf8').split('\n').slice(0, -1)) {
      const said = JSON.parse(line) as Ended & { trouble?: string; stall?: [number, number] };
      if (said.stall !== undefined) stalls.push(said.stall);
      else if (said.trouble === undefined) ended.push(said);
      else troubles.push(said.trouble);
    }
    return { from: this.#from, to: Date.now(), killed: this.#killed, ended, troubles, stalls, ...(this.#report && { report: this.#report }) };
  }
}
