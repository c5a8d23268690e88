export { classifyConnectError, classifyQueryError, type FaultClass, type Verdict } from './classify.ts';
export { type PgBreakerConfig, PgBreakerInstrumentation } from './instrumentation.ts';
export { type Operation, type OperationClass, operationOf } from './operation.ts';
