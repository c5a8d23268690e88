import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startRedis } from '../support/servers/redis.ts';

const run = promisify(execFile);

// The long version is run by hand: the same with a million.
it('calls and clients that are over leave nothing behind', async () => {
  await using server = await startRedis();
  const args = ['--expose-gc', '--import', 'tsx', 'test/integration/apps/ioredis-leak.mjs', `${server.port}`, '40000'];
  const { stdout, stderr } = await run(process.execPath, args);
  const { first, last, inFlight, counted, breakers } = JSON.parse(stdout) as Record<string, number>;
  expect(stderr).toBe('');
  expect({ inFlight, breakers }).toEqual({ inFlight: 0, breakers: 2 });
  // And the one that set it up.
  expect(counted).toBe(40_001);
  expect((last ?? 0) - (first ?? 0)).toBeLessThan(1_500_000);
});
