import { createRequire } from 'node:module';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { diag } from '../telemetry/slots.ts';

const load = createRequire(import.meta.url);

/**
 * Makes the function that collects an exporter's metrics as text. The exporter's own server is not used: it repeats HELP and
 * TYPE where two scopes share a metric, which strict readers refuse. Who asks while a collection is under way gets that one.
 */
export function metricsText(exporter: PrometheusExporter): () => Promise<string> {
  let underWay: Promise<string> | undefined;
  return () => {
    underWay ??= collect(exporter).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

async function collect(exporter: PrometheusExporter): Promise<string> {
  const { PrometheusSerializer } = load('@opentelemetry/exporter-prometheus') as typeof import('@opentelemetry/exporter-prometheus');
  const { resourceMetrics, errors } = await exporter.collect();
  if (errors.length > 0) diag.error('otel-breaker: some metrics could not be collected', ...errors);
  return mergeFamilies(new PrometheusSerializer().serialize(resourceMetrics));
}

/** Brings the samples of each metric together under one HELP and one TYPE, as the text format asks. */
export function mergeFamilies(text: string): string {
  const families = new Map<string, { readonly head: string[]; readonly samples: string[] }>();
  let current: { readonly head: string[]; readonly samples: string[] } = { head: [], samples: [] };
  for (const line of text.split('\n')) {
    const [, keyword, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
    if (name !== undefined) {
      current = families.get(name) ?? { head: [], samples: [] };
      families.set(name, current);
      if (!current.head.some((known) => known.startsWith(`# ${keyword} `))) current.head.push(line);
    } else if (line !== '' && !line.startsWith('# UNIT')) {
      current.samples.push(line);
    }
  }
  return [...families.values()].flatMap(({ head, samples }) => [...head, ...samples, '']).join('\n');
}
