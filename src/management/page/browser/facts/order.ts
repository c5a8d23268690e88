import type { BreakerView } from '../../../wire.ts';
import { sum } from '../words/format.ts';
import type { Store } from './store.ts';

/** How much a circuit wants to be looked at: 0 first. */
export const attention = { refusing: 0, probing: 1, unprotected: 2, wouldRefuse: 3, nearLimit: 4, special: 5, calm: 6 } as const;
export type Attention = (typeof attention)[keyof typeof attention];

/** From this share of its limit on a ratio is near it. */
const near = 0.8;

export function attentionOf({ state, circuit, mode, injected, degraded, ...view }: BreakerView): Attention {
  if (state === 'open' || state === 'forced_open') return attention.refusing;
  if (state === 'half_open') return attention.probing;
  if (state === 'disabled') return mode === 'off' ? attention.calm : attention.unprotected;
  if (circuit !== undefined && circuit !== 'closed') return attention.wouldRefuse;
  const { failureRatio, failureRatioLimit, slowRatio, slowRatioLimit } = view;
  if (isNear(failureRatio, failureRatioLimit) || isNear(slowRatio, slowRatioLimit)) return attention.nearLimit;
  return injected === true || degraded !== undefined ? attention.special : attention.calm;
}

/** By a person, until a person releases it; what the mode says is nobody's hand. */
export function isHeld({ state, mode }: BreakerView): boolean {
  return state === 'forced_open' || (state === 'disabled' && mode !== 'off') || (state === 'shadow' && mode !== 'shadow');
}

function isNear(ratio: number | undefined, limit: number | undefined): boolean {
  return ratio !== undefined && limit !== undefined && ratio >= limit * near;
}

export const groups = {
  All: () => true,
  Trouble: (view: BreakerView) => attentionOf(view) <= attention.nearLimit,
  'By hand': isHeld,
  Closed: ({ state }: BreakerView) => state === 'closed',
} as const;
export type Group = keyof typeof groups;

type Weight = (view: BreakerView, store: Store) => number;

/** The greater first; what weighs the same, by name. */
const weights = {
  'Trouble first': (view) => -attentionOf(view),
  Name: () => 0,
  'Failure ratio': ({ failureRatio = -1 }) => failureRatio,
  'Refused a second': ({ name }, store) => store.seriesOf(name).rate('rejected') ?? 0,
  Refused: ({ rejections }) => sum(rejections),
  'Failures a second': ({ name }, store) => store.seriesOf(name).rate('failed') ?? 0,
  'In flight': ({ inFlight }) => inFlight,
} as const satisfies Readonly<Record<string, Weight>>;
export type Order = keyof typeof weights;
export const orders = Object.keys(weights) as Order[];

const collator = new Intl.Collator('en', { numeric: true });

export function sorted(views: readonly BreakerView[], order: Order, store: Store): BreakerView[] {
  const weigh: Weight = weights[order];
  const weighed = views.map((view) => ({ view, weight: weigh(view, store) }));
  return weighed.sort((a, b) => b.weight - a.weight || collator.compare(a.view.name, b.view.name)).map(({ view }) => view);
}
