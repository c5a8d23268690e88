// A preload: an SDK that exports to nobody, and with BENCH_SPANS OpenTelemetry's own instrumentations of the clients.
import { createRequire } from 'node:module';
import { registerSdk } from '../support/contenders.ts';

const load = createRequire(import.meta.url);

registerSdk();
if (process.env['BENCH_SPANS'] === '1') {
  const { registerInstrumentations } = load('@opentelemetry/instrumentation') as typeof import('@opentelemetry/instrumentation');
  const { IORedisInstrumentation } = load('@opentelemetry/instrumentation-ioredis') as typeof import('@opentelemetry/instrumentation-ioredis');
  const { PgInstrumentation } = load('@opentelemetry/instrumentation-pg') as typeof import('@opentelemetry/instrumentation-pg');
  const { UndiciInstrumentation } = load('@opentelemetry/instrumentation-undici') as typeof import('@opentelemetry/instrumentation-undici');
  registerInstrumentations({ instrumentations: [new IORedisInstrumentation(), new PgInstrumentation(), new UndiciInstrumentation()] });
}
