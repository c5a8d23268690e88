// `npm run demo`: the demo, on a fresh clone too. Arguments go to it (`npm run demo -- --stay --prometheus`).
import { spawn } from 'node:child_process';
import { bootstrap, root, run } from './bootstrap.mjs';

const args = process.argv.slice(2);
if (!bootstrap({ tests: false, prometheus: args.includes('--prometheus') }) || !run('npm', ['run', '--silent', 'build'])) process.exit(1);
const demo = spawn(process.execPath, ['--import', 'tsx', 'examples/demo/main.ts', ...args], { cwd: root, stdio: 'inherit' });
// The terminal sends Ctrl-C to both: the demo cleans up, and its end is ours.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => demo.kill(signal));
demo.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  // Listening for signals keeps nothing alive, but says so.
  process.removeAllListeners();
});
