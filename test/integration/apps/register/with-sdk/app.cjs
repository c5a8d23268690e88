// A program that starts its own SDK in its first lines.
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { IORedisInstrumentation } = require('@opentelemetry/instrumentation-ioredis');
const { PgInstrumentation } = require('@opentelemetry/instrumentation-pg');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');

new NodeSDK({
  instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation(), new IORedisInstrumentation(), new PgInstrumentation()],
}).start();
require('../app.cjs');
