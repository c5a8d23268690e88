import type { ConnectionOptions } from 'node:tls';

// What this instrumentation touches of ioredis 4, 5 and 6, described structurally: no version's types fit all three.

export interface CommandLike {
  /** As the user spelt it: `call('GET')` keeps its capitals. */
  readonly name: string;
  readonly args: readonly unknown[];
  readonly promise: Promise<unknown>;
  resolve: (value: unknown) => unknown;
  reject: (error: unknown) => unknown;
  /** `null` for the forms that answer with Buffers. */
  readonly replyEncoding?: BufferEncoding | null;
  /** From what the server has sent to what the caller gets. */
  transformReply(reply: unknown): unknown;
  /** The client's own time-out. */
  setTimeout?(ms: number): unknown;
  /** With the key prefix. */
  getKeys(): readonly (string | Buffer)[];
  /** 4.x, on commands of `defineCommand`. */
  readonly isCustomCommand?: boolean;
}

export interface CommandType {
  new (name: string, args: readonly unknown[], options: object): CommandLike;
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
  readonly db?: number;
  readonly commandTimeout?: number;
  readonly username?: string | null;
  /** 4.x: answers are texts from the beginning. */
  readonly dropBufferSupport?: boolean;
  readonly connectionName?: unknown;
  readonly stringNumbers?: boolean;
  /** 6.x. */
  readonly protocol?: number;
  /** Of a Cluster: for its nodes. */
  readonly redisOptions?: RedisOptionsLike;
  /** A connector of the user's own: then host and port may mean nothing. */
  readonly Connector?: unknown;
}

export interface RedisLike {
  readonly status: string;
  readonly options: RedisOptionsLike;
  readonly stream?: { readonly remoteAddress?: string; readonly remotePort?: number; cork?(): void; uncork?(): void };
  readonly manuallyClosing?: boolean;
  /** Of the connection. */
  readonly condition?: { readonly select: number; readonly subscriber: unknown } | null;
  /** Of the connection before, until there is a new one. */
  readonly prevCondition?: { readonly select: number } | null;
  /** Waiting for a connection. */
  readonly offlineQueue?: CommandQueue;
  /** Sent, waiting for an answer. */
  readonly commandQueue?: CommandQueue;
  /** Sent over a connection that was lost, to be sent again. */
  readonly prevCommandQueue?: CommandQueue | null;
  /** Of a Cluster: those that it was given. */
  readonly startupNodes?: readonly unknown[];
  sendCommand(command: CommandLike): unknown;
  duplicate(options: object): RedisLike;
  disconnect(): void;
  select(db: number): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
}

/** A `denque`. */
export interface CommandQueue {
  readonly length: number;
  peekAt(index: number): { readonly command: CommandLike } | undefined;
  remove(index: number, count: number): unknown;
  shift(): { readonly command: CommandLike } | undefined;
  push(item: { readonly command: CommandLike }): unknown;
}

export interface PipelineLike {
  readonly redis: RedisLike;
  readonly isCluster: boolean;
  readonly promise: Promise<unknown>;
  readonly _queue: readonly CommandLike[];
  sendCommand(command: CommandLike): unknown;
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
