// Outlives the process that started servers, however that one ended, and ends them. Its standard input tells it what there
// is: a line of JSON each, `{"add": pid, "signal": "SIGTERM", "directory": "..."}` or `{"remove": pid}`; the end of the input
// is the end of the starter.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { killTree, sendSignal, startTime, thawTree } from './process-tree.mjs';

const graceMs = 2_000;
/** @type {Map<number, { startedAt: string | undefined, signal: NodeJS.Signals, directory?: string }>} */
const servers = new Map();

// Signals for the starter's whole terminal group are meant for the starter: this one has work to do after it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.add !== undefined) servers.set(message.add, { ...message, startedAt: startTime(message.add) });
  else servers.delete(message.remove);
}
await Promise.all([...servers].map(([pid, server]) => end(pid, server)));

async function end(pid, { startedAt, signal, directory }) {
  const alive = () => startedAt !== undefined && startTime(pid) === startedAt;
  if (alive()) {
    thawTree(pid);
    sendSignal(pid, signal);
  }
  for (const deadline = Date.now() + graceMs; alive() && Date.now() < deadline; ) await sleep(25);
  if (alive()) killTree(pid);
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
