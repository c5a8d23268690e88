import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { root } from '../contract/imports.ts';

const folder = mkdtempSync(join(tmpdir(), 'otel-breaker-full-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(limit: string, mode: string): { numbers: number[]; refusal?: { code: string; message: string } } {
  const app = join(root, 'test/storage/apps/full-disk.ts');
  const command = `ulimit -f ${limit}; exec "$0" --import tsx "$@"`;
  return JSON.parse(execFileSync('sh', ['-c', command, process.execPath, app, join(folder, 'queue'), mode], { encoding: 'utf8', cwd: root }));
}

test('a disk that refuses is an error of that one write, and costs neither what was acknowledged before nor what comes after', () => {
  // In units of 512 or 1024 bytes: about a megabyte.
  const { numbers, refusal } = run('1500', 'write');
  expect(refusal?.code).toBe('ESTORAGE');
  expect(refusal?.message).toMatch(/the write is not on disk: .*too large/i);
  expect(numbers.length).toBeGreaterThan(50);
  expect(run('unlimited', 'replay').numbers).toEqual(numbers);
}, 60_000);
