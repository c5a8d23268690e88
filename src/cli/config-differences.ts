import type { Configuration } from '../config/configuration.ts';
import { resolveOptions } from '../core/options.ts';
import type { BreakerView, Overview } from '../management/wire.ts';

/** What a process tells of a breaker's options; the instrumentations have no defaults of their own for these. */
interface Shown {
  readonly mode: string;
  readonly minimumCalls: number;
  readonly failureRatio: number | undefined;
  readonly slowRatio: number | undefined;
  readonly rule: string | undefined;
}

/** What each circuit of a process would be told otherwise by a configuration, one text each: `redis://... read: mode: shadow -> enforce`. */
export function differences({ breakers }: Overview, configuration: Configuration): string[] {
  return breakers.flatMap((breaker) => {
    const now = running(breaker);
    const then = configured(breaker, configuration);
    return (Object.keys(now) as (keyof Shown)[])
      .filter((key) => now[key] !== then[key])
      .map((key) => `${breaker.name}: ${key}: ${now[key] ?? 'off'} -> ${then[key] ?? 'off'}`)
      .map((text) => text.replace(/rule: off ->/, 'rule: none ->').replace(/(rule: .*) -> off$/, '$1 -> none'));
  });
}

function running({ mode, minimumCalls, failureRatioLimit, slowRatioLimit, rule }: BreakerView): Shown {
  return { mode, minimumCalls, failureRatio: failureRatioLimit, slowRatio: slowRatioLimit, rule };
}

function configured({ name, target }: BreakerView, configuration: Configuration): Shown {
  const { options, rule } = configuration.resolve(name, target);
  const { mode, minimumCalls, failureRatio, slowRatio, slowCallMs } = resolveOptions(options);
  return { mode, minimumCalls, failureRatio, slowRatio: slowCallMs === undefined ? undefined : slowRatio, rule };
}
