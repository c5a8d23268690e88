import { describe, expect, it } from 'vitest';
import { createBreaker } from '../../src/breaker/create-breaker.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import { enter } from '../../src/policies/enter.ts';
import { bench, down, standing, turns } from './harness.ts';

describe('enter', () => {
  it('passes the limits and the breaker, and gives all back at the end of the scope', async () => {
    const { breaker, policies } = bench({ bulkhead: { limit: 1 } });
    {
      using scope = await enter(breaker);
      expect([policies().bulkhead?.active, breaker.inFlight]).toEqual([1, 1]);
      scope.succeed();
      expect([policies().bulkhead?.active, breaker.inFlight]).toEqual([0, 0]);
    }
    expect([policies().bulkhead?.active, breaker.inFlight]).toEqual([0, 0]);
    expect(breaker.meters.calls('success', false)).toBe(1);
  });

  it('proves nothing of a scope that is left without a word', async () => {
    const { breaker, policies } = bench({ bulkhead: { limit: 1 } });
    await (async () => {
      using _scope = await enter(breaker);
      throw down;
    })().catch(() => undefined);
    expect([policies().bulkhead?.active, breaker.meters.calls('ignored', false)]).toEqual([0, 1]);
  });

  it('counts failures as the breaker’s', async () => {
    const { breaker } = bench({ consecutiveFailures: 1 });
    (await enter(breaker)).fail(down);
    await expect(enter(breaker)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
    (await enter(createBreaker())).ignore();
  });

  it('gives the place back when the breaker refuses', async () => {
    const { breaker, policies } = bench({ bulkhead: { limit: 1 } });
    breaker.forceOpen();
    await expect(enter(breaker)).rejects.toMatchObject({ reason: 'forced_open' });
    expect(policies().bulkhead?.active).toBe(0);
  });

  it('waits its turn, and no longer than its caller', async () => {
    const { breaker } = bench({ bulkhead: { limit: 1, queue: 5 } });
    const first = await enter(breaker);
    const controller = new AbortController();
    const impatient = enter(breaker, { signal: controller.signal });
    const patient = enter(breaker);
    expect(await standing(patient)).toBe('pending');
    controller.abort('enough');
    await expect(impatient).rejects.toBe('enough');
    first.succeed();
    (await patient).succeed();
    await expect(enter(breaker, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
  });

  it('refuses by the degraded mode, the rate limit and the bulkhead', async () => {
    const { breaker } = bench({ bulkhead: { limit: 1 }, rateLimit: { limit: 2, intervalMs: 60_000 } });
    breaker.degraded = 'read-only';
    await expect(enter(breaker)).rejects.toMatchObject({ code: 'EREADONLYMODE' });
    await enter(breaker, { operation: 'read' });
    await expect(enter(breaker, { operation: 'read' })).rejects.toMatchObject({ code: 'EBULKHEADFULL' });
    await expect(enter(breaker, { operation: 'read' })).rejects.toMatchObject({ code: 'ERATELIMITED' });
    breaker.degraded = 'bypass';
    await enter(breaker);
    expect(policiesOf(breaker)?.bulkhead?.active).toBe(1);
    await turns();
  });
});
