import { readFileSync } from 'node:fs';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { afterEach, describe, expect, it } from 'vitest';
import { FetchBreakerInstrumentation, IORedisBreakerInstrumentation, PgBreakerInstrumentation } from '../../../instrumentations/index.ts';
import { defaultRegistry, setDefaultRegistry } from '../../../instrumentations/shared/default-registry.ts';
import {
  BreakerInstrumentation,
  type BreakerInstrumentationConfig,
  type InstrumentationContext,
} from '../../../instrumentations/shared/instrumentation.ts';
import { version } from '../../../src/core/version.ts';
import { Registry } from '../../../src/registry/registry.ts';

function fixture(config: BreakerInstrumentationConfig = {}) {
  const events: string[] = [];
  const contexts: InstrumentationContext<BreakerInstrumentationConfig>[] = [];
  const instrumentation = new BreakerInstrumentation('acme', '1.0.0', config, (given) => {
    contexts.push(given);
    events.push('on');
    return () => events.push('off');
  });
  return { instrumentation, events, contexts };
}

afterEach(() => setDefaultRegistry(undefined));

describe('an instrumentation', () => {
  it('is enabled on construction, once, until it is disabled', () => {
    const { instrumentation, events } = fixture();
    instrumentation.enable();
    expect(events).toEqual(['on']);
    instrumentation.disable();
    instrumentation.disable();
    expect(events).toEqual(['on', 'off']);
    instrumentation.enable();
    expect(events).toEqual(['on', 'off', 'on']);
  });

  it('is not enabled when told so', () => {
    const { instrumentation, events } = fixture({ enabled: false });
    expect(events).toEqual([]);
    expect(instrumentation.getConfig().enabled).toBe(false);
  });

  it('can be registered as OpenTelemetry’s own can, enabled once', () => {
    for (const enabled of [true, false]) {
      const { instrumentation, events } = fixture({ enabled });
      const unregister = registerInstrumentations({ instrumentations: [instrumentation] });
      expect(events).toEqual(['on']);
      unregister();
      expect(events).toEqual(['on', 'off']);
    }
  });

  it('uses the registry it was given, as of now', () => {
    const [first, second] = [new Registry(), new Registry()];
    const { instrumentation, contexts } = fixture({ registry: first });
    expect(contexts[0]?.registry).toBe(first);
    instrumentation.setConfig({ registry: second });
    expect(contexts[0]?.registry).toBe(second);
  });

  it('uses the registry of the process otherwise: one for all, made when needed', () => {
    const { contexts } = fixture();
    const shared = defaultRegistry();
    expect(contexts[0]?.registry).toBe(shared);
    const own = new Registry();
    setDefaultRegistry(own);
    expect(contexts[0]?.registry).toBe(own);
  });

  it('tells the version of the package', () => {
    const { version: published } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(version).toBe(published);
    const all = [FetchBreakerInstrumentation, IORedisBreakerInstrumentation, PgBreakerInstrumentation].map((type) => new type({ enabled: false }));
    expect(all.map(({ instrumentationName, instrumentationVersion }) => [instrumentationName, instrumentationVersion])).toEqual([
      ['otel-breaker/fetch', published],
      ['otel-breaker/ioredis', published],
      ['otel-breaker/pg', published],
    ]);
  });
});
