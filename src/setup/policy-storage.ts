import { resolve } from 'node:path';
import { StorageError } from '../core/errors.ts';
import type { ResolvedPolicies, ResolvedQueue, ResolvedStale } from '../core/resolve-policies.ts';
import { type PolicyPorts, type StaleStore, setPolicyPorts } from '../policies/ports.ts';
import type { Codec } from '../policies/stale-cache/codec.ts';
import type { HttpRules } from '../policies/stale-cache/http-rules.ts';
import { OpeningQueue } from './opening-queue.ts';
import { OpeningStale } from './opening-stale.ts';

/** What the configuration says, as `Configuration.statements`. */
type Statements = ReadonlyMap<string, string>;

/** What policies keep on disk: loaded when a configuration asks for it, one store per folder. */
export class PolicyStorage implements PolicyPorts {
  readonly #cwd: string;
  readonly #tell: (message: string, error: unknown) => void;
  readonly #queues = new Map<string, OpeningQueue>();
  readonly #stale = new Map<string, OpeningStale>();
  readonly #before: PolicyPorts;
  #http: HttpRules | undefined;
  #mayQueue = false;
  #missingTold = false;

  /** @param tell says on the spot what does not work */
  constructor(cwd: string, tell: (message: string) => void) {
    this.#cwd = cwd;
    // Whoever needs the disk finds the package missing: once is enough.
    this.#tell = (message, error) => {
      const missing = isMissingPackage(error);
      if (!missing || !this.#missingTold) tell(message);
      this.#missingTold ||= missing;
    };
    this.#before = setPolicyPorts(this);
  }

  get http(): HttpRules | undefined {
    return this.#http;
  }

  get mayQueue(): boolean {
    return this.#mayQueue;
  }

  queue(options: ResolvedQueue): OpeningQueue {
    const path = resolve(this.#cwd, options.path);
    let queue = this.#queues.get(path);
    if (queue === undefined) {
      queue = new OpeningQueue(path, options, this.#tell);
      this.#queues.set(path, queue);
    }
    return queue;
  }

  stale(breaker: string, options: ResolvedStale & { readonly path: string }, codec?: Codec): StaleStore {
    const path = resolve(this.#cwd, options.path);
    let store = this.#stale.get(path);
    if (store === undefined) {
      store = new OpeningStale(path, options, this.#tell);
      this.#stale.set(path, store);
    }
    return store.of(breaker, codec);
  }

  /**
   * The configuration has been read again: queues take on what it says now. Of several breakers that name one folder the first says it.
   * @returns settings of folders of stale answers that have changed, which are read when a folder is opened
   */
  follow(policies: Iterable<ResolvedPolicies | undefined>): string[] {
    this.#missingTold = false;
    const queues = new Map<string, ResolvedQueue>();
    const atNextStart = new Set<string>();
    for (const { fallback } of defined(policies)) {
      const { queue, stale } = fallback ?? {};
      const path = queue && resolve(this.#cwd, queue.path);
      if (path !== undefined && !queues.has(path)) queues.set(path, queue as ResolvedQueue);
      const kept = stale?.path === undefined ? undefined : this.#stale.get(resolve(this.#cwd, stale.path))?.limits;
      for (const [key, value] of Object.entries(kept ?? {}))
        if (stale?.[key as keyof typeof kept] !== value) atNextStart.add(`fallback.stale.${key} of ${stale?.path}`);
    }
    for (const [path, options] of queues) this.#queues.get(path)?.follow(options);
    return [...atNextStart];
  }

  /** Finds out at the start what the first outage would find missing, and tells. Rejects with a StorageError that says what to do. */
  async check(statements: Statements): Promise<void> {
    try {
      await this.#check(statements);
    } catch (error) {
      this.#tell(`otel-breaker: ${error instanceof Error ? error.message : String(error)}`, error);
      throw error;
    }
  }

  async #check(statements: Statements): Promise<void> {
    this.#mayQueue = [...statements.keys()].some((key) => key.endsWith('fallback.queue.path'));
    const paths = [...statements].filter(([key]) => /(^|\.)fallback\.(queue|stale)\.path$/.test(key)).map(([, path]) => path);
    if (paths.length > 0) {
      const { loadLevel } = await import('../storage/load-level.ts');
      for (const path of new Set(paths)) await usable(resolve(this.#cwd, path), loadLevel);
    }
    if (this.#http === undefined && concernsHttp(statements)) {
      const { httpRules } = await import('../storage/http-rules.ts');
      this.#http = await httpRules();
    }
  }

  /** Waits for what is being written. What is in the queues is for the next process. */
  async close(): Promise<void> {
    setPolicyPorts(this.#before);
    const closed = await Promise.allSettled([...this.#queues.values(), ...this.#stale.values()].map((each) => each.close()));
    for (const each of closed) if (each.status === 'rejected') throw each.reason;
  }
}

function isMissingPackage(error: unknown): boolean {
  return error instanceof StorageError && (error.cause as { code?: unknown } | undefined)?.code === 'ERR_MODULE_NOT_FOUND';
}

function* defined<T>(items: Iterable<T | undefined>): Iterable<T> {
  for (const item of items) if (item !== undefined) yield item;
}

async function usable(path: string, load: (path: string) => Promise<unknown>): Promise<void> {
  await load(path);
  const { mkdir, access, constants } = await import('node:fs/promises');
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.W_OK | constants.R_OK);
  } catch (cause) {
    throw new StorageError(`${path}: cannot be used as a folder for queued writes or stale answers: ${(cause as Error).message}`, path, cause);
  }
}

/** Stale answers that calls of `fetch` may be meant by: not those of another system. */
function concernsHttp(statements: Statements): boolean {
  for (const key of statements.keys()) {
    const rule = /^(.*?)(?:^|\.)fallback\.stale(?:\.|$)/.exec(key)?.[1];
    if (rule === undefined) continue;
    const system = /(?:^|: )systems\.(\w+)$/.exec(rule)?.[1] ?? statements.get(`${rule}.match.system`);
    if (system === undefined || /^https?$/.test(system)) return true;
  }
  return false;
}
