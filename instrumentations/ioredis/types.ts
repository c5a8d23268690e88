import type { ConnectionOptions } from 'node:tls';

// What this instrumentation touches of ioredis 4, 5 and 6, described structurally: no version's types fit all three.

export interface CommandLike {
  /** As the user spelt it: `call('GET')` keeps its capitals. */
  readonly name: string;
  readonly args: readonly unknown[];
  readonly promise: Promise<unknown>;
  resolve: (value: unknown) => unknown;
  reject: (error: unknown) => unknown;
  /** 4.x, on commands of `defineCommand`. */
  readonly isCustomCommand?: boolean;
}

export interface RedisOptionsLike {
  readonly host?: string | null;
  readonly port?: number | null;
  readonly path?: string | null;
  readonly tls?: ConnectionOptions | boolean | null;
  readonly sentinels?: readonly unknown[] | null;
  /** Of the master, with sentinels. */
  readonly name?: string;
  readonly enableTLSForSentinelMode?: boolean;
  readonly enableOfflineQueue?: boolean;
  readonly enableReadyCheck?: boolean;
  /** A connector of the user's own: then host and port may mean nothing. */
  readonly Connector?: unknown;
}

export interface RedisLike {
  readonly status: string;
  readonly options: RedisOptionsLike;
  readonly stream?: { readonly remoteAddress?: string; readonly remotePort?: number };
  readonly manuallyClosing?: boolean;
  /** Waiting for a connection. */
  readonly offlineQueue?: CommandQueue;
  /** Sent, waiting for an answer. */
  readonly commandQueue?: CommandQueue;
  /** Sent over a connection that was lost, to be sent again. */
  readonly prevCommandQueue?: CommandQueue | null;
}

/** A `denque`. */
export interface CommandQueue {
  readonly length: number;
  peekAt(index: number): { readonly command: CommandLike } | undefined;
  remove(index: number, count: number): unknown;
}

export interface PipelineLike {
  readonly redis: RedisLike;
  readonly isCluster: boolean;
  readonly promise: Promise<unknown>;
  readonly _queue: readonly CommandLike[];
  readonly _transactions: number;
  replyPending: number;
  resolve: (results: unknown) => void;
  reject: (error: unknown) => void;
}

/** `@ioredis/commands`, or `redis-commands` before it. */
export interface CommandTable {
  exists(name: string): boolean;
  hasFlag(name: string, flag: string): boolean;
}
