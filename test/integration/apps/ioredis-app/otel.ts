// Preload: OpenTelemetry with its own instrumentations of ioredis and of sockets, their spans within reach of the app.
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { NetInstrumentation } from '@opentelemetry/instrumentation-net';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register({ contextManager: new AsyncLocalStorageContextManager() });
const instrumentation = new IORedisInstrumentation({ requireParentSpan: false });
registerInstrumentations({ instrumentations: [instrumentation, new NetInstrumentation()] });
Object.assign(globalThis, { exporter, otel: instrumentation });
