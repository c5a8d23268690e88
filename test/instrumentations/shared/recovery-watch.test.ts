import { describe, expect, it } from 'vitest';
import { isConnectionFault } from '../../../instrumentations/shared/faults.ts';
import { RecoveryWatch } from '../../../instrumentations/shared/recovery-watch.ts';
import { Breaker } from '../../../src/breaker/breaker.ts';
import { resolveOptions } from '../../../src/core/options.ts';
import { ManualClock } from '../../../src/testing.ts';

const reset = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function fixture(openMs = 10_000) {
  const clock = new ManualClock();
  const options = resolveOptions({
    name: 'redis://h:1 read',
    open: { durationMs: openMs, factor: 1, jitter: 0, maxMs: 60_000 },
    halfOpen: { permits: 1 },
  });
  const breaker = new Breaker(options, { clock });
  let asked = 0;
  let alive = false;
  const watch = new RecoveryWatch(
    async () => {
      asked += 1;
      return alive;
    },
    {
      refutes: (trigger) => trigger === 'stall' || trigger === 'connection',
      isOfConnection: isConnectionFault,
      recovered: () => breaker.recovered(),
      stillSilent: (each) => each.report(new Error('silent'), { refused: true }),
    },
    clock,
  );
  watch.observe(breaker);
  const advance = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      await settled();
    }
  };
  return {
    clock,
    breaker,
    advance,
    asked: () => asked,
    revive: () => {
      alive = true;
    },
    refuse: () => breaker.report(new Error('refused'), { refused: true }),
  };
}

describe('watching for a server’s return', () => {
  it('does nothing while all is well', async () => {
    const { advance, asked, clock } = fixture();
    await advance(5_000);
    expect(asked()).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('asks after 250 ms, then less and less often, and at least every 750 ms', async () => {
    const { advance, asked, refuse } = fixture(60_000);
    refuse();
    await advance(200);
    expect(asked()).toBe(0);
    await advance(50);
    expect(asked()).toBe(1);
    await advance(500);
    expect(asked()).toBe(2);
    await advance(5_000);
    const before = asked();
    await advance(7_500);
    expect(asked() - before).toBe(10);
  });

  it('turns the circuit half-open as soon as the server answers, long before its time is over, and stops asking', async () => {
    const { advance, asked, refuse, revive, breaker } = fixture();
    refuse();
    await advance(1_000);
    expect(breaker.state).toBe('open');
    revive();
    await advance(600);
    expect(breaker.state).toBe('half_open');
    const before = asked();
    await advance(10_000);
    expect(asked()).toBe(before);
    breaker.tryAcquire()?.succeed();
    expect(breaker.state).toBe('closed');
  });

  it('puts an end to a half-open phase while the server is still silent', async () => {
    const { advance, refuse, breaker } = fixture(1_000);
    refuse();
    await advance(1_000);
    expect(breaker.state).toBe('open');
  });

  it('takes no answer for an answer from a server that answers and fails all the same', async () => {
    const { advance, asked, refuse, revive, breaker } = fixture();
    refuse();
    revive();
    await advance(250);
    expect(breaker.state).toBe('half_open');
    breaker.tryAcquire()?.fail(new Error('LOADING'));
    expect(breaker.state).toBe('open');
    const before = asked();
    await advance(5_000);
    expect(asked()).toBe(before);
    expect(breaker.state).toBe('open');
  });

  it('watches over circuits that faults of the connection have opened by their number: behind a proxy a dead server refuses nobody', async () => {
    const { advance, asked, revive, breaker } = fixture(60_000);
    for (let call = 0; call < 20; call += 1) breaker.report(reset());
    expect(breaker.state).toBe('open');
    await advance(1_000);
    expect(asked()).toBeGreaterThan(1);
    revive();
    await advance(1_000);
    expect(breaker.state).toBe('half_open');
  });

  it('does not ask again for a circuit whose probes fail though the server answers, until it has closed', async () => {
    const { advance, asked, refuse, revive, breaker } = fixture();
    refuse();
    revive();
    await advance(250);
    for (let round = 0; round < 3; round += 1) {
      breaker.tryAcquire()?.fail(reset());
      expect(breaker.state).toBe('open');
      const before = asked();
      await advance(9_900);
      expect([asked(), breaker.state]).toEqual([before, 'open']);
      await advance(100);
      expect(breaker.state).toBe('half_open');
    }
    breaker.tryAcquire()?.succeed();
    const before = asked();
    refuse();
    await advance(250);
    expect(asked()).toBe(before + 1);
  });

  it.each([
    ['the first that is asked of it', 0],
    ['also where others had failed before though the server answered', 1],
  ])('asks again where a probe meets a broken connection long after the server has answered: %s', async (_, failuresBefore) => {
    const { advance, asked, refuse, revive, breaker } = fixture();
    refuse();
    revive();
    await advance(250);
    for (let failure = 0; failure < failuresBefore; failure += 1) {
      breaker.tryAcquire()?.fail(reset());
      await advance(10_000);
    }
    expect(breaker.state).toBe('half_open');
    await advance(10_000);
    const before = asked();
    breaker.tryAcquire()?.fail(reset());
    expect(breaker.state).toBe('open');
    await advance(500);
    expect(asked()).toBeGreaterThan(before);
    expect(breaker.state).toBe('half_open');
  });

  it('leaves circuits alone that opened because calls failed', async () => {
    const { advance, asked, breaker } = fixture();
    for (let call = 0; call < 20; call += 1) breaker.tryAcquire()?.fail(new Error('OOM'));
    expect(breaker.state).toBe('open');
    await advance(5_000);
    expect(asked()).toBe(0);
  });
});
