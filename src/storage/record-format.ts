import { deserialize, serialize } from 'node:v8';
import type { QueueRecord } from '../policies/durable-queue/queue-log.ts';

/** How a queued write stands in the database: under its id, the rest in V8's structured clone format. */
export function encodeRecord({ at, keys, payload }: QueueRecord): Uint8Array {
  return serialize([1, at, keys, payload]);
}

/** A record that cannot be read is handed on as it is: it ends as a dead letter, not as silence. */
export function decodeRecord(id: string, bytes: Uint8Array): QueueRecord {
  try {
    const [version, at, keys, payload] = deserialize(bytes) as [unknown, unknown, unknown, unknown];
    if (version === 1 && isTime(at) && isTexts(keys) && payload instanceof Uint8Array) return { id, at, keys, payload };
  } catch {
    // As below.
  }
  return { id, at: 0, keys: [`unreadable ${id}`], payload: bytes };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

/** What a `Date` can hold: dead letters say it. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15;
}
