import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { describe, expect, it } from 'vitest';
import { parsePrometheus, samplesOf, sampleValue } from './prometheus.ts';

describe('the Prometheus text format', () => {
  it('is read as the exporter writes it, escapes and histograms included', async () => {
    const exporter = new PrometheusExporter({ preventServerStart: true });
    const provider = new MeterProvider({ readers: [exporter] });
    const meter = provider.getMeter('m');
    meter.createCounter('calls', { description: 'back\\slash and\nline' }).add(2, { name: 'a "quoted"\nback\\slash', kind: 'x,y={}' });
    const histogram = meter.createHistogram('seconds', { advice: { explicitBucketBoundaries: [1, 2] } });
    for (const value of [0.5, 1.5, 9]) histogram.record(value);
    const { resourceMetrics } = await exporter.collect();
    const families = parsePrometheus(new PrometheusSerializer().serialize(resourceMetrics));

    expect(families.get('calls_total')).toMatchObject({ type: 'counter', help: 'back\\slash and\nline' });
    expect(sampleValue(families, 'calls_total', { name: 'a "quoted"\nback\\slash', kind: 'x,y={}' })).toBe(2);
    expect(samplesOf(families, 'seconds_bucket').map(({ labels, value }) => [labels['le'], value])).toEqual([
      ['1', 1],
      ['2', 2],
      ['+Inf', 3],
    ]);
    expect(sampleValue(families, 'seconds_bucket', { le: '7' })).toBeUndefined();
    await provider.shutdown();
  });

  it.each([
    ['a TYPE given twice', '# TYPE a counter\n# TYPE a counter\na 1\n', 'line 2: TYPE given twice'],
    ['a HELP given twice', '# HELP a x\n# HELP a x\na 1\n', 'HELP given twice'],
    ['a family taken up again', '# TYPE a gauge\na 1\nb 1\na{x="1"} 2\n', 'taken up again'],
    ['a TYPE after its samples', 'a 1\n# TYPE a gauge\n', 'after the samples'],
    ['a sample given twice', 'a{x="1",y="2"} 1\na{y="2",x="1"} 1\n', 'sample given twice'],
    ['an unknown type', '# TYPE a thing\na 1\n', 'unknown type'],
    ['a bad name', '0a 1\n', 'bad metric name'],
    ['a name with a dot', 'a.b 1\n', 'bad value'],
    ['a label with a dot', 'a{b.c="1"} 1\n', 'bad label'],
    ['a label given twice', 'a{b="1",b="2"} 1\n', 'label b given twice'],
    ['an escape that does not exist', 'a{b="\\d"} 1\n', 'bad escape'],
    ['a quote left open', 'a{b="1} 1\n', 'bad label'],
    ['a value that is no number', 'a 1x\n', 'bad value'],
    ['no line feed at the end', 'a 1', 'line feed'],
    ['buckets out of order', '# TYPE h histogram\nh_bucket{le="2"} 1\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n', 'order'],
    ['an infinite bucket that is not the count', '# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n', 'not the count'],
  ])('%s is refused', (_what, text, message) => {
    expect(() => parsePrometheus(text)).toThrow(message);
  });
});
