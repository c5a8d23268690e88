import type { BatchObservableCallback, BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import { stateNames } from '../breaker/meters.ts';
import type { PoolSeat } from '../registry/pools.ts';
import type { Registry } from '../registry/registry.ts';
import { HealthSeries } from './health.ts';
import { metrics as definitions, type MetricDefinition } from './names.ts';
import { policyGauges } from './policy-readings.ts';
import { observePools } from './pools.ts';
import { type ReadMetric, ratios, readBreaker, type Tell } from './readings.ts';
import type { Series } from './series.ts';
import type { Watch } from './watch.ts';

function create(meter: Meter, { name, kind, unit, description }: MetricDefinition): Observable {
  const options = { unit, description };
  if (kind === 'counter') return meter.createObservableCounter(name, options);
  return kind === 'gauge' ? meter.createObservableGauge(name, options) : meter.createObservableUpDownCounter(name, options);
}

type Instruments = Record<ReadMetric, Observable>;

/** Observable instruments with one callback that reads the engine's numbers: for SDKs that take no metric producer from us. */
export function observe(meter: Meter, watch: Watch, { pools, health, clock }: Registry): Disposable {
  const { callDuration: _recordedElsewhere, retryAttempts: _too, ...read } = definitions;
  const instruments = Object.fromEntries(Object.entries(read).map(([key, definition]) => [key, create(meter, definition)])) as Instruments;
  const toldPools = new Set<PoolSeat>();
  const healthSeries = new HealthSeries();
  const callback: BatchObservableCallback = (result) => {
    const tell: Tell = (metric, value, attributes) => result.observe(instruments[metric], value, attributes);
    observePools(pools, toldPools, tell);
    healthSeries.observe(health.read(), tell);
    for (const series of watch.takeDeparted()) zero(result, instruments, series);
    const time = clock.now();
    for (const [breaker, series] of watch.series) {
      zeroGauges(result, instruments, series);
      readBreaker(breaker, series, time, (metric, value, attributes) => {
        result.observe(instruments[metric], value, attributes);
        if (repeated.has(metric)) series.toldGauges.add(metric);
      });
    }
  };
  const all = Object.values(instruments);
  meter.addBatchObservableCallback(callback, all);
  return { [Symbol.dispose]: () => meter.removeBatchObservableCallback(callback, all) };
}

const repeated: ReadonlySet<ReadMetric> = new Set([...ratios, ...policyGauges]);

/** An SDK repeats a gauge's last value for ever; where there is none any more, 0 is the lesser lie. */
function zeroGauges(result: BatchObservableResult, to: Instruments, series: Series): void {
  for (const metric of series.toldGauges) result.observe(to[metric], 0, series.base);
}

/** What a removed breaker leaves behind: SDKs repeat the last value for ever, so the last one must not say "open". */
function zero(result: BatchObservableResult, to: Instruments, series: Series): void {
  for (const each of stateNames) result.observe(to.status, 0, series.state.of(each));
  result.observe(to.windowCalls, 0, series.window.of('success'));
  result.observe(to.windowCalls, 0, series.window.of('failure'));
  result.observe(to.inFlight, 0, series.base);
  zeroGauges(result, to, series);
}
