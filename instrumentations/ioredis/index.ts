export { redisDefaults } from './defaults.ts';
export { type IORedisBreakerConfig, IORedisBreakerInstrumentation } from './instrumentation.ts';
