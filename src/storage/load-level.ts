import { StorageError } from '../core/errors.ts';

/** What is used of `classic-level`, described structurally: the package need not be there. */
export interface LevelDatabase {
  open(options?: { createIfMissing?: boolean }): Promise<void>;
  close(): Promise<void>;
  batch(operations: readonly LevelOperation[], options: { sync: boolean }): Promise<void>;
  iterator(): AsyncIterable<[key: string, value: Uint8Array]>;
  clear(): Promise<void>;
}

export type LevelOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };

export interface MakeLevel {
  (location: string): LevelDatabase;
  /** Reads what can still be read of a damaged database, and puts the files as they were into `lost`. */
  repair(location: string): Promise<void>;
  /** Deletes a database that nobody has open. */
  destroy(location: string): Promise<void>;
}

const INSTALL = 'npm install classic-level';

/**
 * The embedded store. To be called at start, so that it is not found missing in the first outage.
 * @throws StorageError that says what to install
 */
export async function loadLevel(path: string): Promise<MakeLevel> {
  try {
    const { ClassicLevel } = await import('classic-level');
    const make = (location: string) =>
      new ClassicLevel<string, Uint8Array>(location, { keyEncoding: 'utf8', valueEncoding: 'view' }) as unknown as LevelDatabase;
    return Object.assign(make, { repair: ClassicLevel.repair, destroy: ClassicLevel.destroy });
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
    const why = missing ? 'the package classic-level is not installed' : `the package classic-level does not load: ${(cause as Error).message}`;
    throw new StorageError(`${path}: ${why}; to keep things on disk: ${INSTALL}`, path, cause);
  }
}

/** Whether another process, or another thread of this one, has the database open. */
export function isLocked(error: unknown): boolean {
  return codeOf(error) === 'LEVEL_LOCKED' || codeOf((error as { cause?: unknown } | undefined)?.cause) === 'LEVEL_LOCKED';
}

/** Whether a database cannot be opened because its files are not as they were left: a disk has erred, or somebody has meddled. Nobody has it open then. */
export function isDamaged(error: unknown): boolean {
  const { cause = error } = (error ?? {}) as { cause?: unknown };
  if (codeOf(cause) === 'LEVEL_CORRUPTION') return true;
  return codeOf(cause) === 'LEVEL_IO_ERROR' && /(MANIFEST-\d+|\.ldb|\.sst): No such file/.test(String((cause as Error).message));
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code;
}

/** An error for whoever wanted to write: says where, and what the disk said. */
export function storageError(path: string, doing: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  // The store's own message says only that it is not open; what it came to stands in the cause.
  const deepest = (cause as { cause?: unknown } | undefined)?.cause ?? cause;
  return new StorageError(`${path}: ${doing}: ${deepest instanceof Error ? deepest.message : String(deepest)}`, path, cause);
}
