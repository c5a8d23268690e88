// What OpenTelemetry's documentation calls instrumentation.mjs: the user's own SDK.

import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { NodeSDK } from '@opentelemetry/sdk-node';

new NodeSDK({
  instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation(), new IORedisInstrumentation(), new PgInstrumentation()],
}).start();
