import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { repository, spawnApp } from '../spawn-app.ts';
import { startTime } from './process-tree.mjs';

const echo = fileURLToPath(new URL('../apps/echo-app.mjs', import.meta.url));

it('an app gets its preloads, arguments and environment, and what it prints and answers is read', async () => {
  process.env['OTEL_SERVICE_NAME'] = 'not inherited';
  await using app = await spawnApp(echo, { imports: ['node:fs'], requires: ['node:os'], args: ['--x'] });
  expect(app.messages).toEqual([{ argv: ['--x'], execArgv: ['--import', 'node:fs', '--require', 'node:os'], cwd: repository.replace(/\/$/, '') }]);
  expect(await app.get('echo', { a: [1, 'b'] })).toEqual({ a: [1, 'b'] });
  const failed = await app.call('fail');
  expect(failed).toMatchObject({ ok: false, error: { name: 'TypeError', message: 'no', code: 'E_NO', cause: { message: 'deeper' } } });
  await expect(app.get('fail')).rejects.toThrow('E_NO');
  expect(app.stderr).toContain('said on stderr');
});

it('an app that ends tells its exit code, and calls to it are rejected with what it printed', async () => {
  await using app = await spawnApp(echo);
  await expect(app.call('exit', 7)).rejects.toThrow('said on stderr');
  expect(await app.exited).toEqual({ code: 7, signal: null });
  await expect(app.call('echo')).rejects.toThrow('ended (7)');
});

it('an app that fails to start is an error with what it printed', async () => {
  await expect(spawnApp(echo, { args: ['--fail'] })).rejects.toThrow('failed to start');
});

it('an app that is deaf to SIGTERM is killed', async () => {
  const app = await spawnApp(echo, { args: ['--deaf'] });
  await app.stop();
  expect(await app.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(startTime(app.pid)).toBeUndefined();
});
