export { FetchBreakerInstrumentation } from './fetch/instrumentation.ts';
export { IORedisBreakerInstrumentation } from './ioredis/instrumentation.ts';
export { PgBreakerInstrumentation } from './pg/instrumentation.ts';
