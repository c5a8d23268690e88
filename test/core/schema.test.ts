import { describe, expect, it } from 'vitest';
import type { ConfigIssue } from '../../src/core/errors.ts';
import { type CheckOptions, check, type ObjectSchema, type Schema } from '../../src/core/schema.ts';
import { parseDuration } from '../../src/core/text-values.ts';

function run(schema: Schema, value: unknown, options?: CheckOptions): { value: unknown; issues: ConfigIssue[] } {
  const issues: ConfigIssue[] = [];
  return { value: check(schema, value, issues, options), issues };
}

const time: Schema = { kind: 'number', duration: true, min: 0, exclusiveMin: true };
const shop: ObjectSchema = {
  kind: 'object',
  properties: {
    size: { kind: 'number', integer: true, min: 1 },
    color: { kind: 'enum', values: ['red', 'off'] },
    limit: { kind: 'number', offable: true },
  },
  notes: { price: 'not available in this version' },
};
const shape: Schema = {
  kind: 'variant',
  variants: {
    circle: { kind: 'object', properties: { type: { kind: 'enum', values: ['circle'] }, radius: { kind: 'number' } } },
    box: { kind: 'object', properties: { type: { kind: 'enum', values: ['box'] }, width: { kind: 'number' } } },
  },
};

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
    ['500', 500],
    [' 2 s ', 2_000],
  ])('reads %j as %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', 's', '-5s', '5 days', '1e3', '1,5s', 'ten'])('does not read %j', (text) => expect(parseDuration(text)).toBeUndefined());

  it('are numbers only, from code', () => {
    expect(run(time, '30s').issues).toHaveLength(1);
    expect(run(time, '30s', { text: 'file' })).toEqual({ value: 30_000, issues: [] });
  });
});

describe('check', () => {
  it('suggests the key that was probably meant', () => {
    expect(run(shop, { sise: 3 }).issues).toEqual([{ path: 'sise', value: 3, allowed: 'no such key; did you mean size?' }]);
  });

  it('lists what is known when nothing comes near', () => {
    expect(run(shop, { zzzzzzzz: 1 }).issues[0]?.allowed).toBe('no such key; known are size, color, limit');
  });

  it('has a word of its own for keys of later versions, and does not show what stands there', () => {
    expect(run(shop, { price: { secret: 'x' } }).issues).toEqual([{ path: 'price', value: '[...]', allowed: 'not available in this version' }]);
  });

  it('suggests the word that was probably meant', () => {
    expect(run(shop, { color: 'rad' }).issues[0]?.allowed).toBe('one of red, off (did you mean red?)');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 0, 1.5, '3', null, true])('refuses %s where a whole number of at least 1 is due', (value) => {
    expect(run(shop, { size: value }).issues).toMatchObject([{ path: 'size', allowed: 'a whole number of at least 1' }]);
  });

  it('refuses infinity even where nothing else bounds a number', () => {
    for (const value of [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) expect(run({ kind: 'number' }, value).issues).toHaveLength(1);
  });

  it('names every fault, not only the first', () => {
    expect(run(shop, { size: 0, color: 'blue', other: 1 }).issues.map(({ path }) => path)).toEqual(['size', 'color', 'other']);
  });

  it.each([null, false, 'off'])('reads %s in a file as switched off', (value) => {
    expect(run(shop, { limit: value }, { text: 'file' })).toEqual({ value: { limit: undefined }, issues: [] });
    expect(run(shop, { limit: value }).issues).toHaveLength(1);
  });

  it('keeps an explicit undefined of what can be switched off, and drops it elsewhere', () => {
    const { value } = run(shop, { limit: undefined, size: undefined });
    expect(Object.keys(value as object)).toEqual(['limit']);
  });

  it('takes false for the word off, and yes and no for true and false, in files only', () => {
    expect(run(shop, { color: false }, { text: 'file' }).value).toEqual({ color: 'off' });
    expect(run(shop, { color: false }).issues).toHaveLength(1);
    expect(run({ kind: 'boolean' }, 'no', { text: 'file' }).value).toBe(false);
    expect(run({ kind: 'boolean' }, 'no').issues).toHaveLength(1);
  });

  it('knows a variant by its type, or by its keys where they tell', () => {
    expect(run(shape, { type: 'box', width: 2 }).value).toEqual({ type: 'box', width: 2 });
    expect(run(shape, { width: 2 }).value).toEqual({ width: 2, type: 'box' });
    expect(run(shape, {}).issues[0]?.allowed).toBe('an object whose type is one of circle, box');
    expect(run(shape, { type: 'box', radius: 1 }).issues[0]?.path).toBe('radius');
  });

  it.each([{ type: 'constructor' }, { type: '__proto__' }, { type: Object.create(null) }, { type: 1 }])(
    'is not taken in by a type such as %j',
    (value) => {
      expect(run(shape, value).issues).toHaveLength(1);
    },
  );

  it('is not taken in by keys of every object', () => {
    expect(run(shop, JSON.parse('{"__proto__": {"size": 1}, "constructor": 1}')).issues.map(({ path }) => path)).toEqual([
      '__proto__',
      'constructor',
    ]);
  });

  it('of several allowed shapes tells what is wrong with the one that was begun', () => {
    const either: Schema = { kind: 'union', of: [{ kind: 'function' }, shop], words: 'a function or a shop' };
    expect(run(either, { size: 0 }).issues[0]?.path).toBe('size');
    expect(run(either, 5).issues).toEqual([{ path: '', value: 5, allowed: 'a function or a shop' }]);
  });

  it('leaves what it was given untouched', () => {
    const given = Object.freeze({ width: 2 });
    run(shape, given);
    expect(given).toEqual({ width: 2 });
  });
});
