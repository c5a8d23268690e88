import { describe, expect, it } from 'vitest';
import { type Dependency, judge } from '../../src/health/system-state.ts';

type Made = Dependency & { needs: Dependency[] };

function dependency(name: string, more: Partial<Dependency> = {}): Made {
  return { name, checks: [], status: 'up', critical: false, why: 'refused', ...more, needs: [...(more.needs ?? [])] };
}

/** So many that are up, down and not judged, critical ones among the down. */
function some(up: number, down: number, { unknown = 0, critical = 0, criticalUp = 0 } = {}): Dependency[] {
  return [
    ...Array.from({ length: up }, (_, index) => dependency(`up ${index}`, { critical: index < criticalUp })),
    ...Array.from({ length: down }, (_, index) => dependency(`down ${index}`, { status: 'down', critical: index < critical })),
    ...Array.from({ length: unknown }, (_, index) => dependency(`unknown ${index}`, { status: 'unknown' })),
  ];
}

describe('the state of the system', () => {
  it.each([
    [0, 0, {}, 'healthy'],
    [1, 0, {}, 'healthy'],
    [8, 2, {}, 'healthy'],
    [79, 21, {}, 'degraded'],
    [4, 1, {}, 'healthy'],
    [3, 1, {}, 'degraded'],
    [1, 1, {}, 'degraded'],
    [49, 51, {}, 'critical'],
    [1, 2, {}, 'critical'],
    [0, 1, {}, 'critical'],
    // None of several is left, and nobody has said which of them matter.
    [0, 2, {}, 'emergency'],
    [0, 2, { unknown: 1 }, 'emergency'],
    // What has not been judged counts for neither.
    [0, 0, { unknown: 3 }, 'healthy'],
    [1, 1, { unknown: 98 }, 'degraded'],
    [1, 0, { unknown: 9 }, 'healthy'],
    // A critical one that is down, whatever the share.
    [99, 1, { critical: 1 }, 'critical'],
    [99, 2, { critical: 2 }, 'emergency'],
    [99, 3, { critical: 1 }, 'critical'],
    [0, 3, { critical: 1 }, 'critical'],
    [4, 1, { criticalUp: 2 }, 'healthy'],
  ] as const)('of %i up and %i down %j is %s', (up, down, more, state) => {
    expect(judge(some(up, down, more)).state).toBe(state);
  });

  it('counts what is up and what has not been judged', () => {
    expect(judge(some(3, 2, { unknown: 4 }))).toMatchObject({ total: 9, up: 3, unknown: 4 });
  });
});

describe('a dependency that needs another', () => {
  const down = (name: string, needs: Dependency[] = [], critical = true) => dependency(name, { status: 'down', critical, needs });

  it('is no second cause when both are down', () => {
    const database = down('database');
    const [orders, invoices] = [down('orders', [database]), down('invoices', [database])];
    const { state, reasons } = judge([orders, invoices, database, ...some(9, 0)]);
    expect(state).toBe('critical');
    expect(reasons).toEqual([
      'database (critical): refused',
      'orders (critical): down because database is',
      'invoices (critical): down because database is',
    ]);
  });

  it('is down for the last cause of a chain, also when that is not critical itself', () => {
    const network = down('network', [], false);
    const database = down('database', [network]);
    const orders = down('orders', [database]);
    expect(judge([orders, database, network, ...some(9, 0)])).toMatchObject({
      state: 'critical',
      reasons: ['network: refused', 'orders (critical): down because network is', 'database (critical): down because network is'],
    });
  });

  it('is an emergency with another that is down for a cause of its own', () => {
    const database = down('database');
    expect(judge([down('orders', [database]), database, down('cache'), ...some(9, 0)]).state).toBe('emergency');
  });

  it('names every cause', () => {
    const [database, cache] = [down('database'), down('cache')];
    expect(judge([down('orders', [database, cache]), database, cache]).reasons.at(-1)).toBe('orders (critical): down because database and cache are');
  });

  it('is its own cause when what it needs is up, or not judged', () => {
    const needs = [dependency('database'), dependency('cache', { status: 'unknown' })];
    expect(judge([down('orders', needs), ...needs]).reasons).toEqual(['orders (critical): refused']);
  });

  it('that needs itself by a ring is a cause all the same', () => {
    const [a, b] = [down('a'), down('b')];
    a.needs.push(b);
    b.needs.push(a);
    expect(judge([a, b]).state).toBe('emergency');
  });
});
