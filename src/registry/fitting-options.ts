import { reportFault } from '../core/fault.ts';
import { type BreakerOptions, type Mode, mergeOptions, type ResolvedOptions, resolveOptions } from '../core/options.ts';

/** What is said of one breaker, from the weakest to the strongest. */
export interface OptionLayers {
  /** By configuration. */
  readonly configured: BreakerOptions;
  /** By `replace`. */
  readonly own: BreakerOptions | undefined;
  /** By hand, for the time being. */
  readonly override: BreakerOptions | undefined;
}

const modes: ReadonlySet<unknown> = new Set<Mode>(['enforce', 'shadow', 'off']);

/**
 * The options of a breaker, of as many layers as go together; what is left out is reported. Sound layers may contradict each other: a reload that
 * is in order may not fit what `replace` once set. The mode that is wanted is kept whatever is left out: nobody means by such a contradiction that
 * a service which was to watch only shall refuse calls from now on. Never throws.
 * @param present what the breaker has so far, if there is one
 */
export function fittingOptions(name: string, { configured, own, override }: OptionLayers, present: ResolvedOptions | undefined): ResolvedOptions {
  try {
    return resolveOptions({ ...mergeOptions(configured, own, override), name });
  } catch (fault) {
    const wanted = [override?.mode, own?.mode, configured.mode].find((mode) => modes.has(mode));
    const mode = wanted === undefined ? {} : { mode: wanted };
    for (const [layers, leftOut] of [
      [[configured, override], 'what was set by replace'],
      [[configured, own], 'what was set by override'],
      [[configured], 'what was set by replace and override'],
    ] as const) {
      const resolved = attempt({ ...mergeOptions(...layers, mode), name });
      if (resolved === undefined) continue;
      reportFault(fault, `the options of '${name}', of which ${leftOut} is left out`);
      return resolved;
    }
    reportFault(fault, `the options of '${name}', which ${present === undefined ? 'has the defaults' : 'keeps those it had'}`);
    return present === undefined ? { ...resolveOptions(mode), name } : { ...present, ...mode };
  }
}

function attempt(options: BreakerOptions): ResolvedOptions | undefined {
  try {
    return resolveOptions(options);
  } catch {
    return undefined;
  }
}
