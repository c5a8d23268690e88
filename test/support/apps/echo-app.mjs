// An app for spawn-app.test.ts.
import { serve } from '../serve.cjs';

console.log(JSON.stringify({ argv: process.argv.slice(2), execArgv: process.execArgv, otel: process.env.OTEL_SERVICE_NAME, cwd: process.cwd() }));
console.error('said on stderr');
if (process.argv.includes('--fail')) throw new Error('failed to start');
if (process.argv.includes('--deaf')) process.on('SIGTERM', () => {});

serve({
  echo: (value) => value,
  fail() {
    throw Object.assign(new TypeError('no', { cause: new Error('deeper') }), { code: 'E_NO' });
  },
  exit: (code) => process.exit(code),
});
