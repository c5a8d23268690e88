import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { freezeTree, killTree, sendSignal, startTime, thawTree } from './process-tree.mjs';
import { unwatch, watch } from './watchdog.ts';

/** A real server on a port of 127.0.0.1. What is left at the end of the starting process is ended for it, however it ends. */
export interface ServerHandle extends AsyncDisposable {
  readonly port: number;
  /** Of the running process; of the last one while none runs. */
  readonly pid: number;
  /** SIGKILL, with all processes below; resolves when they are gone. The port refuses connections from then on. */
  kill(): Promise<void>;
  /** SIGSTOP, with all processes below: connections are still accepted by the kernel, nothing is answered. */
  freeze(): void;
  /** SIGCONT: goes on where it was frozen. */
  thaw(): void;
  /** Starts it on the same port and directory, killing it first when it still runs; resolves when it answers. */
  restart(): Promise<void>;
  /** Ends it in good order (frozen or not) and removes its directory. May be called twice. */
  stop(): Promise<void>;
}

export interface ServerProcessOptions {
  name: string;
  command: string;
  args: readonly string[];
  port: number;
  directory?: string;
  spawn?: SpawnOptions;
  /** How it is asked to end. */
  stopSignal?: NodeJS.Signals;
  /** Rejects as long as the server does not answer; tried again and again. */
  ready: (child: ChildProcess) => Promise<unknown>;
  /** After the process and all below it are gone. */
  afterEnd?: () => Promise<void>;
}

const startTimeoutMs = 30_000;
const stopGraceMs = 3_000;

/** The one way every server of the tests is run. */
export class ServerProcess implements ServerHandle {
  readonly #options: ServerProcessOptions;
  #child: ChildProcess | undefined;
  #pid = 0;
  #output = '';
  #stopped = false;

  private constructor(options: ServerProcessOptions) {
    this.#options = options;
  }

  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const server = new ServerProcess(options);
    await server.#start();
    return server;
  }

  get port(): number {
    return this.#options.port;
  }

  get pid(): number {
    return this.#pid;
  }

  /** The child, while it runs: for servers that are spoken to over IPC. */
  get child(): ChildProcess | undefined {
    return this.#child;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const all = killTree(this.#pid);
    await ended(child);
    // What was below a killed parent is nobody's child any more: watch it go by its number.
    while (all.some((pid) => pid !== this.#pid && startTime(pid) !== undefined)) await sleep(5);
    await this.#options.afterEnd?.();
  }

  freeze(): void {
    if (this.#child !== undefined) freezeTree(this.#pid);
  }

  thaw(): void {
    if (this.#child !== undefined) thawTree(this.#pid);
  }

  async restart(): Promise<void> {
    if (this.#stopped) throw new Error(`${this.#options.name} has been stopped: start a new one`);
    await this.kill();
    await this.#start();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    const child = this.#child;
    if (child !== undefined) {
      this.thaw();
      sendSignal(this.#pid, this.#options.stopSignal ?? 'SIGTERM');
      await Promise.race([ended(child), sleep(stopGraceMs, undefined, { ref: false })]);
      await this.kill();
    }
    if (this.#options.directory !== undefined) await rm(this.#options.directory, { recursive: true, force: true, maxRetries: 5 });
    unwatch(this.#pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    const { name, command, args, directory, stopSignal = 'SIGTERM' } = this.#options;
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...this.#options.spawn });
    this.#output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (this.#output = (this.#output + chunk).slice(-4_000)));
    let failure: Error | undefined;
    child.once('error', (error) => (failure = error));
    child.once('exit', (code, signal) => {
      failure = new Error(`it ended with ${signal ?? `exit code ${code}`}`);
      if (this.#child === child) this.#child = undefined;
    });
    if (child.pid !== undefined) {
      if (this.#pid !== 0) unwatch(this.#pid);
      this.#pid = child.pid;
      this.#child = child;
      watch(child.pid, stopSignal, directory);
    }
    for (const deadline = Date.now() + startTimeoutMs; ; ) {
      const notReady = await this.#options.ready(child).then(
        () => undefined,
        (error: unknown) => error ?? new Error('not ready'),
      );
      if (notReady === undefined) return;
      if (failure !== undefined || Date.now() > deadline) {
        await this.stop();
        throw new Error(`${name} did not start: ${failure?.message ?? `no answer within ${startTimeoutMs} ms`}\n${this.#output}`, {
          cause: notReady,
        });
      }
      await sleep(25);
    }
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
