import type { BreakerView } from '../../../wire.ts';
import { count, length, percent, plural } from '../words/format.ts';
import { why } from '../words/names.ts';
import { fill, h, setText } from './dom.ts';

/** The figures of a circuit, by name. */
export class CircuitFacts {
  readonly element = h('dl', { class: 'facts' });
  readonly #values = new Map<string, HTMLElement>();

  update(view: BreakerView): void {
    const facts = factsOf(view);
    fill(this.element, facts.map(([name]) => name).join(), () => {
      this.#values.clear();
      return facts.flatMap(([name]) => {
        const value = h('dd');
        this.#values.set(name, value);
        return [h('dt', {}, name), value];
      });
    });
    for (const [name, value] of facts) setText(this.#values.get(name) as HTMLElement, value);
  }
}

function factsOf(view: BreakerView): (readonly [string, string])[] {
  const { window: seen, lastTrip } = view;
  const limits = [limit('failed', view.failureRatioLimit), limit('slow', view.slowRatioLimit)].filter(Boolean).join(', ');
  return [
    ['Window', `${plural(seen.recorded, 'call')}, ${seen.failures} failed, ${seen.slow} slow; decides from ${view.minimumCalls} on`],
    ['Last opening', lastTrip === undefined ? 'never' : `${length(lastTrip.agoMs)} ago: ${why(lastTrip)}`],
    ['In a row', `${plural(view.openings, 'opening')}, ${plural(view.consecutiveFailures, 'failure')}`],
    ['In flight', `${view.inFlight}, of them ${plural(view.probesInFlight, 'probe')}`],
    ['Calls', list(view.calls)],
    ['Refused', list(view.rejections)],
    ...(view.mode === 'shadow' || Object.keys(view.shadowRejections).length > 0 ? [['Would be refused', list(view.shadowRejections)] as const] : []),
    ['By fallback', list(view.fallbacks)],
    ['Limits', limits || 'none by ratio'],
    ['Mode', view.degraded === undefined ? view.mode : `${view.mode}, degraded: ${view.degraded}`],
    ['Rule', view.rule ?? 'defaults'],
  ];
}

function list(counts: Readonly<Record<string, number>> = {}): string {
  const found = Object.entries(counts).filter(([, number]) => number > 0);
  return found.length === 0 ? 'none' : found.map(([name, number]) => `${name.replaceAll('_', ' ')} ${count(number)}`).join(', ');
}

function limit(name: string, ratio: number | undefined): string {
  return ratio === undefined ? '' : `${percent(ratio)} ${name}`;
}
