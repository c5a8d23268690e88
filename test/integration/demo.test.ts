import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { repository } from '../support/spawn-app.ts';

const run = promisify(execFile);

// It fails, with exit code 1 and the reasons on stderr, when protection did not show in an outage or in the telemetry; on a
// machine that is too busy for its times to mean anything, it says so instead.
it('the demo plays its outages, shows that protection works, and exits 0', { timeout: 300_000 }, async () => {
  const demo = run(process.execPath, ['--import', 'tsx', 'examples/demo/main.ts'], { cwd: repository, maxBuffer: 10_000_000 });
  const { stdout } = await demo.catch((error: Error & { stdout: string; stderr: string }) => {
    throw new Error(`${error.message}\n${error.stderr}\n${error.stdout.slice(-8_000)}`);
  });
  for (const outage of ['Redis killed', 'PostgreSQL frozen', 'upstream hangs', 'upstream answers 503']) expect(stdout).toContain(`== ${outage}\n`);
  // Without protection the first three never fail fast.
  expect(stdout.match(/ without +never /g)).toHaveLength(3);
  expect(stdout).toMatch(/spans of openings: breaker open /);
  const bridged = /^ {2}with +(\d+) of \d+ reads answered; (\d+) of \d+ writes accepted, (\d+) of them in Redis afterwards: 0 lost/m.exec(stdout);
  expect(Number(bridged?.[1])).toBeGreaterThan(100);
  expect(Number(bridged?.[2])).toBeGreaterThan(100);
  expect(bridged?.[3]).toBe(bridged?.[2]);
});
