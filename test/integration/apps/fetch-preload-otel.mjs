// OpenTelemetry's own instrumentation of undici, its spans kept in memory.

import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
new UndiciInstrumentation().setTracerProvider(provider);

/** The spans since the last time it was asked. */
globalThis.observed = () => {
  const spans = exporter.getFinishedSpans().map(({ name, kind, status, attributes }) => ({ name, kind, status, attributes }));
  exporter.reset();
  return spans;
};
