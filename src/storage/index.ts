export type { DeadLetter, QueueChanges, QueueLog, QueueRecord } from '../policies/durable-queue/queue-log.ts';
export type { KeyValueStore } from '../policies/stale-cache/disk-tier.ts';
export { type DeadLetterLine, readDeadLetters } from './dead-letters.ts';
export { type HttpHead, type HttpRecord, type HttpRules, httpRules } from './http-rules.ts';
export { keyValueStore } from './level-key-value-store.ts';
export { queueLog } from './level-queue-log.ts';
