import { describe, expect, test } from 'vitest';
import { Circuit } from '../../src/breaker/circuit.ts';
import { HalfOpenTrial } from '../../src/breaker/half-open.ts';
import { InFlight } from '../../src/breaker/in-flight.ts';
import { stateNames } from '../../src/breaker/meters.ts';
import type { Move } from '../../src/breaker/move.ts';
import type { Successor } from '../../src/breaker/state.ts';
import { transitions } from '../../src/breaker/transitions.ts';
import { IllegalTransitionError, type StateName } from '../../src/core/errors.ts';
import { resolveOptions } from '../../src/core/options.ts';
import { ManualClock } from '../../src/testing.ts';

const options = resolveOptions({ name: 'subject' });

function successor(name: StateName, shadow = false): Successor {
  switch (name) {
    case 'closed':
      return { kind: 'closed', shadow, ramp: undefined };
    case 'open':
      return { kind: 'open', shadow, until: Number.MAX_SAFE_INTEGER, mayEndEarly: true, byEvidence: false };
    case 'half_open':
      return { kind: 'half_open', shadow, trial: new HalfOpenTrial(options.halfOpen), early: false, byEvidence: false };
    case 'forced_open':
    case 'disabled':
      return { kind: name, shadow: false };
    case 'shadow':
      return { kind: 'closed', shadow: true, ramp: undefined };
  }
}

/** A circuit in a state, and what it tells from then on. */
function circuitIn(name: StateName, shadow = false): { circuit: Circuit; told: Move[] } {
  const told: Move[] = [];
  const circuit = new Circuit(options, new ManualClock(), new InFlight(), { moved: (move) => void told.push(move), patienceMs: 0 });
  const go = (to: StateName): void => circuit.move(successor(to, shadow), 0, { trigger: 'test' });
  if (shadow) circuit.move(successor('shadow'), 0, { trigger: 'test' });
  if (name === 'half_open') go('open');
  if (name !== 'closed') go(name);
  told.length = 0;
  return { circuit, told };
}

describe('the transition table', () => {
  test('has every state, and no move to where one is already', () => {
    expect(Object.keys(transitions).sort()).toEqual([...stateNames].sort());
    for (const state of stateNames) expect(transitions[state]).not.toContain(state);
  });

  test('is the one that is written down', () => {
    expect(transitions).toEqual({
      closed: ['open', 'forced_open', 'disabled', 'shadow'],
      open: ['half_open', 'closed', 'forced_open', 'disabled', 'shadow'],
      half_open: ['closed', 'open', 'forced_open', 'disabled', 'shadow'],
      forced_open: ['closed', 'disabled', 'shadow'],
      disabled: ['closed', 'forced_open', 'shadow'],
      shadow: ['closed', 'open', 'half_open', 'forced_open', 'disabled'],
    });
  });

  const pairs = stateNames.flatMap((from) => stateNames.map((to) => ({ from, to })));
  test.each(pairs)('from $from to $to: one event if legal, an error if not, nothing if it is there', ({ from, to }) => {
    const { circuit, told } = circuitIn(from);
    const before = circuit.state;
    const move = (): void => circuit.move(successor(to), 7, { trigger: 'test' });
    if (transitions[from].includes(to)) {
      move();
      expect(told.map((each) => [each.from, each.to, each.beside, each.at])).toEqual([[from, to, false, 7]]);
      expect(circuit.state).toMatchObject({ generation: before.generation + 1, since: 7 });
    } else {
      if (from === to) move();
      else expect(move).toThrow(IllegalTransitionError);
      expect(told).toEqual([]);
      expect(circuit.state).toBe(before);
    }
  });

  const besides = ['closed', 'open', 'half_open'] as const;
  const shadowPairs = besides.flatMap((from) => besides.map((to) => ({ from, to })));
  test.each(shadowPairs)('in shadow from $from to $to: the same table', ({ from, to }) => {
    const { circuit, told } = circuitIn(from, true);
    const move = (): void => circuit.move(successor(to, true), 7, { trigger: 'test' });
    if (transitions[from].includes(to)) {
      move();
      expect(told.map((each) => [each.from, each.to, each.beside])).toEqual([[from, to, true]]);
    } else {
      if (from === to) move();
      else expect(move).toThrow(IllegalTransitionError);
      expect(told).toEqual([]);
    }
  });

  test('names the breaker and both states in the error', () => {
    const { circuit } = circuitIn('closed');
    const attempt = (): void => circuit.move(successor('half_open'), 0, { trigger: 'test' });
    expect(attempt).toThrow(expect.objectContaining({ code: 'EILLEGALTRANSITION', breaker: 'subject', from: 'closed', to: 'half_open' }));
  });
});
