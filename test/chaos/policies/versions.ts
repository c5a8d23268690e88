import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Version } from './types.ts';

/** Somebody else who writes to Redis all the time, past the proxy: each key goes from version to version. */
export class VersionWriter {
  readonly versions: Version[] = [];
  readonly #client: Redis;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(port: number, keys: readonly string[]) {
    this.#client = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 });
    this.#client.on('error', () => {});
    this.#done = this.#write(keys);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    this.#client.disconnect();
  }

  async #write(keys: readonly string[]): Promise<void> {
    for (let version = 1; !this.#stopped; version += 1) {
      for (const key of keys) {
        const entry = { key, version, from: Date.now(), to: Number.POSITIVE_INFINITY };
        this.versions.push(entry);
        // One at a time, however long it takes: which of two came last is never open.
        await this.#client.set(key, `${key}#${version}`).then(
          () => {
            entry.to = Date.now();
          },
          () => sleep(50),
        );
      }
      await sleep(30);
    }
  }
}
