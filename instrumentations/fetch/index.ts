export { httpDefaults } from './defaults.ts';
export { FetchBreakerInstrumentation, type FetchBreakerInstrumentationConfig } from './instrumentation.ts';
