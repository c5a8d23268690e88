#!/usr/bin/env node
import { setTimeout as sleep } from 'node:timers/promises';
import type { Io } from './io.ts';
import { run } from './run.ts';

const ended = new AbortController();
const end = (): void => ended.abort();
process.once('SIGINT', end).once('SIGTERM', end);
// `otel-breaker status | head` is no fault.
process.stdout.on('error', end);

const io: Io = {
  env: process.env,
  cwd: process.cwd(),
  terminal: process.stdout.isTTY === true,
  // A terminal that does not know its size says 0.
  size: () => ({ columns: known(process.stdout.columns, 80), rows: known(process.stdout.rows, 24) }),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  ended: ended.signal,
  wait: (ms) => sleep(ms, undefined, { signal: ended.signal }).catch(() => {}),
};

function known(size: number | undefined, usual: number): number {
  return size === undefined || size === 0 ? usual : size;
}

process.exitCode = await run(process.argv.slice(2), io);
