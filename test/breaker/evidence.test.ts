import { describe, expect, test } from 'vitest';
import { admit, Boom, bench, fail, succeed } from './harness.ts';

describe('connection evidence', () => {
  test('counts as a failure in the window and in the row', () => {
    const { breaker, moves } = bench({ consecutiveFailures: 2 });
    breaker.report(new Boom());
    expect(breaker.snapshot()).toMatchObject({ window: { recorded: 1, failures: 1 }, consecutiveFailures: 1, calls: { failure: 0 } });
    breaker.report(new Boom());
    expect(moves[0]).toMatchObject({ trigger: 'consecutive_failures', trace: undefined });
  });

  test('of a server that refuses connections opens at once', () => {
    const { breaker, moves } = bench();
    const error = new Boom();
    breaker.report(error, { refused: true });
    expect(breaker.state).toBe('open');
    expect(moves).toHaveLength(1);
    expect(moves[0]).toMatchObject({ trigger: 'connection', error });
    expect(breaker.snapshot().lastTrip).toMatchObject({ trigger: 'connection', errorType: 'EBOOM' });
  });

  test('is forgotten with the next success, where no call of the breaker’s own has failed: nothing opens once the trouble is over', () => {
    for (const window of [{ type: 'time', durationMs: 30_000 } as const, { type: 'count', size: 40 } as const]) {
      const { breaker, clock, moves } = bench({ failureRatio: 0.5, minimumCalls: 20, window });
      succeed(breaker, 2);
      for (let connection = 0; connection < 15; connection += 1) breaker.report(new Boom());
      expect(breaker.snapshot().window).toMatchObject({ recorded: 17, failures: 15 });
      for (let call = 0; call < 10; call += 1) {
        clock.advance(1_000);
        succeed(breaker);
      }
      expect(breaker.snapshot().window).toMatchObject({ recorded: 10, failures: 0 });
      expect(moves).toEqual([]);
    }
  });

  test('of long ago, gone from the window, does not make later failures of calls hearsay', () => {
    const { breaker, clock } = bench({ failureRatio: 0.9, minimumCalls: 20 });
    breaker.report(new Boom());
    clock.advance(60_000);
    fail(breaker, 3);
    succeed(breaker);
    breaker.report(new Boom());
    succeed(breaker);
    expect(breaker.snapshot().window).toMatchObject({ recorded: 6, failures: 4 });
  });

  test('counts beside failures of calls, but a call that succeeds opens nothing by it, though it makes enough to judge', () => {
    const { breaker, moves } = bench({ failureRatio: 0.5, minimumCalls: 20 });
    fail(breaker);
    for (let connection = 0; connection < 10; connection += 1) breaker.report(new Boom());
    succeed(breaker, 9);
    expect(breaker.snapshot().window).toMatchObject({ recorded: 20, failures: 11 });
    expect(moves).toEqual([]);
    fail(breaker);
    expect(moves.at(-1)).toMatchObject({ to: 'open', trigger: 'failure_ratio' });
  });

  test('of which nothing is left in the window keeps no success from opening by what calls have met since', () => {
    const { breaker, clock, moves } = bench({ failureRatio: 0.5, minimumCalls: 4 });
    breaker.report(new Boom());
    fail(breaker);
    clock.advance(60_000);
    fail(breaker, 2);
    succeed(breaker, 2);
    expect(moves.at(-1)).toMatchObject({ to: 'open', trigger: 'failure_ratio' });
  });

  test('spares no other rule: slow successes open beside it', () => {
    const { breaker, clock, moves } = bench({ failureRatio: 0.5, minimumCalls: 4, slowCallMs: 10, slowRatio: 0.5 });
    breaker.report(new Boom());
    fail(breaker);
    const permits = [admit(breaker), admit(breaker)];
    clock.advance(100);
    for (const permit of permits) permit.succeed();
    expect(moves.at(-1)).toMatchObject({ to: 'open', trigger: 'slow_ratio' });
  });

  test('belongs to the trace of the call that met it', () => {
    const { breaker, moves } = bench();
    breaker.report(new Boom(), { refused: true, trace: 'the call' });
    expect(moves[0]).toMatchObject({ trace: 'the call', failures: [{ errorType: 'EBOOM', trace: 'the call' }] });
  });

  test('of one server says nothing to a breaker that stands for many', () => {
    const { breaker, moves } = bench({ consecutiveFailures: 1 }, { shared: true });
    breaker.report(new Boom(), { refused: true });
    expect(moves).toEqual([]);
    expect(breaker.snapshot().window.recorded).toBe(0);
  });

  test('of refusal ends a half-open too', () => {
    const { breaker, clock, trail } = bench({ consecutiveFailures: 1 });
    fail(breaker);
    clock.advance(5_000);
    breaker.report(new Boom(), { refused: true });
    expect(trail().at(-1)).toBe('half_open>open connection');
  });

  test('changes nothing in a state that records nothing', () => {
    for (const hold of ['forceOpen', 'disable'] as const) {
      const { breaker, moves } = bench();
      breaker[hold]();
      breaker.report(new Boom(), { refused: true });
      expect(moves).toHaveLength(1);
      expect(breaker.snapshot().window.recorded).toBe(0);
    }
  });

  test('does not lengthen an opening that is under way', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1 });
    fail(breaker);
    clock.advance(4_000);
    breaker.report(new Boom(), { refused: true });
    expect(breaker.snapshot()).toMatchObject({ openings: 1, retryAfterMs: 1_000 });
  });

  test('that the server is back makes an open circuit ask at once', () => {
    const { breaker, clock, trail } = bench();
    breaker.report(new Boom(), { refused: true });
    clock.advance(100);
    breaker.recovered();
    expect(trail().at(-1)).toBe('open>half_open connection');
    expect(admit(breaker).probe).toBe(true);
  });

  test('that calls of the same server succeed closes what only evidence had opened, open or half-open', () => {
    for (const waitMs of [100, 5_000]) {
      const { breaker, clock, trail } = bench();
      breaker.report(new Boom(), { refused: true });
      clock.advance(waitMs);
      breaker.recovered({ proven: true });
      expect(trail().at(-1)).toBe(waitMs < 5_000 ? 'open>closed connection' : 'half_open>closed connection');
    }
  });

  test('that calls of the same server succeed does not close what its own failures had opened', () => {
    const { breaker, clock, trail } = bench({ consecutiveFailures: 1 });
    fail(breaker);
    clock.advance(5_000);
    breaker.recovered({ proven: true });
    expect(breaker.state).toBe('half_open');
    fail(breaker);
    breaker.report(new Boom(), { refused: true });
    breaker.recovered({ proven: true });
    expect(trail().at(-1)).not.toMatch(/closed connection/);
  });

  test('that the server is back, proved wrong once, is not believed for the opening that follows', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1 });
    fail(breaker);
    breaker.recovered();
    fail(breaker);
    expect(breaker.state).toBe('open');
    breaker.recovered();
    expect(breaker.state).toBe('open');
    clock.advance(10_000);
    expect(breaker.state).toBe('half_open');
    fail(breaker);
    breaker.recovered();
    expect(breaker.state).toBe('half_open');
  });

  test('that calls of the same server succeed lets an open circuit ask for itself, though evidence had proved wrong before', () => {
    const { breaker } = bench({ consecutiveFailures: 1 });
    fail(breaker);
    for (let round = 0; round < 3; round += 1) {
      breaker.recovered({ proven: true });
      expect(breaker.state).toBe('half_open');
      fail(breaker);
      breaker.recovered();
      expect(breaker.state).toBe('open');
    }
  });

  test('that the server is back was not wrong because it fails again after a while', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1 });
    fail(breaker);
    breaker.recovered();
    clock.advance(4_999);
    breaker.report(new Boom(), { refused: true });
    breaker.recovered();
    expect(breaker.state).toBe('open');
    breaker.recovered({ proven: true });
    clock.advance(5_000);
    breaker.report(new Boom(), { refused: true });
    expect(breaker.state).toBe('open');
    breaker.recovered();
    expect(breaker.state).toBe('half_open');
  });

  test('that the server is back was not wrong because a probe fails that went out a while later', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1 });
    fail(breaker);
    for (let outage = 0; outage < 3; outage += 1) {
      breaker.recovered();
      expect(breaker.state).toBe('half_open');
      clock.advance(5_000);
      fail(breaker);
      expect(breaker.state).toBe('open');
    }
    breaker.recovered();
    const early = admit(breaker);
    clock.advance(5_000);
    early.fail(new Boom());
    breaker.recovered();
    expect(breaker.state).toBe('open');
  });

  test('that the server is back was wrong where a probe had no answer, however long that took', () => {
    const { breaker, clock, trail } = bench({ consecutiveFailures: 1, halfOpen: { leaseMs: 6_000 } });
    fail(breaker);
    breaker.recovered();
    admit(breaker);
    clock.advance(6_000);
    expect(trail().at(-1)).toBe('half_open>open probe_lease');
    breaker.recovered();
    expect(breaker.state).toBe('open');
  });

  test('that the server is back is nothing to a circuit that is not open', () => {
    const { breaker, moves } = bench();
    breaker.recovered();
    breaker.forceOpen();
    breaker.recovered();
    expect(moves.map(({ to }) => to)).toEqual(['forced_open']);
  });
});
