import { describe, expect, test } from 'vitest';
import { nearest } from '../../src/core/nearest.ts';

describe('the nearest of several words', () => {
  const words = ['failureRatio', 'failureCount', 'minimumCalls', 'halfOpen', 'open'];
  test.each([
    ['failureRation', 'failureRatio'],
    ['minimumcalls', 'minimumCalls'],
    ['halfopen', 'halfOpen'],
    ['opne', 'open'],
    ['timeoutMs', undefined],
    ['', undefined],
  ])('to %s is %s', (word, expected) => {
    expect(nearest(word, words)).toBe(expected);
  });

  test('of none is none', () => {
    expect(nearest('a', [])).toBeUndefined();
  });
});
