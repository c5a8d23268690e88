import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorType } from '../core/errors.ts';
import type { DeadLetter } from '../policies/durable-queue/queue-log.ts';

/** A line of a dead-letter file. */
export interface DeadLetterLine {
  readonly id: string;
  /** When it was queued, and when it was set aside. */
  readonly queuedAt: string;
  readonly setAsideAt: string;
  readonly keys: readonly string[];
  readonly attempts: number;
  readonly error: { readonly type: string; readonly message: string };
  /** For people. May hold whatever the service writes. */
  readonly write: string;
  /** As it was in the queue, in base64. */
  readonly payload: string;
}

/** Appends one line and flushes it to the disk. */
export async function appendDeadLetter(path: string, { record, error, attempts, readable }: DeadLetter, now: number): Promise<void> {
  const line: DeadLetterLine = {
    id: record.id,
    queuedAt: new Date(record.at).toISOString(),
    setAsideAt: new Date(now).toISOString(),
    keys: record.keys,
    attempts,
    error: { type: errorType(error), message: error instanceof Error ? error.message : String(error) },
    write: readable,
    payload: Buffer.from(record.payload).toString('base64'),
  };
  const file = await open(path, 'a', 0o600);
  try {
    // A line cut short by a full disk or a crash must not swallow the next one.
    await file.appendFile(`\n${JSON.stringify(line)}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** What has been set aside in a folder, by all processes. Lines cut short by a crash are left out: their writes are still in the queue. */
export async function readDeadLetters(folder: string): Promise<DeadLetterLine[]> {
  const lines: DeadLetterLine[] = [];
  for (const name of (await readdir(folder)).filter((each) => /^dead-letters-.*\.jsonl$/.test(each)).sort()) {
    for (const text of (await readFile(join(folder, name), 'utf8')).split('\n')) {
      if (text === '') continue;
      try {
        lines.push(JSON.parse(text) as DeadLetterLine);
      } catch {
        // Cut short.
      }
    }
  }
  return lines;
}
