import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

describe('a program with nothing else to do', () => {
  it('does not end before its calls are answered, and ends then', () => {
    const fixture = fileURLToPath(new URL('./fixtures/last-calls.ts', import.meta.url));
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', fixture], { encoding: 'utf8', timeout: 20_000 });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ repeated: 'ok after 3', late: 'ECALLTIMEOUT', crowded: 'EBULKHEADFULL' });
    expect(status).toBe(0);
  });
});
