import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCodec, dataClass, NotPreservedError } from '../../src/policies/stale-cache/codec.ts';

const codec = createCodec();
const through = (value: unknown): unknown => codec.decode(codec.encode(value));

describe('the codec', () => {
  test.each([
    ['undefined', undefined],
    ['negative zero', -0],
    ['NaN', Number.NaN],
    ['a BigInt', 2n ** 70n],
    ['a lone surrogate', 'a\ud800b'],
    ['a Date', new Date(123)],
    ['an invalid Date', new Date(Number.NaN)],
    ['a RegExp', /a(b)?/giu],
    ['a Map with objects', new Map<unknown, unknown>([[{ a: 1 }, new Set([1n])]])],
    ['a Buffer', Buffer.from([0, 255, 1])],
    ['a Uint8Array', new Uint8Array([1, 2])],
    ['a Float64Array', new Float64Array([1.5, Number.NaN])],
    ['a BigInt64Array', new BigInt64Array([-1n])],
    ['an ArrayBuffer', new Uint8Array([7]).buffer],
    ['a key called __proto__', JSON.parse('{"__proto__": {"x": 1}, "y": 2}')],
    ['rows', [{ id: 1, at: new Date(1), blob: Buffer.from('x'), big: 5n, none: null }]],
  ])('keeps %s', (_, value) => {
    const back = through(value);
    expect(back).toStrictEqual(value);
    expect(inspect(back)).toBe(inspect(value));
  });

  test('keeps holes, shared references and cycles', () => {
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
    const sparse = [1, , 3];
    expect(1 in (through(sparse) as unknown[])).toBe(false);
    const shared = { x: 1 };
    const value: Record<string, unknown> = { a: shared, b: shared };
    value['self'] = value;
    const back = through(value) as Record<string, unknown>;
    expect(back['a']).toBe(back['b']);
    expect(back['self']).toBe(back);
  });

  test('keeps errors: class, message, stack, cause, and what hangs on them', () => {
    const cause = Object.assign(new RangeError('inner'), { code: 'EINNER' });
    const error = Object.assign(new TypeError('outer', { cause }), { code: 'EOUTER', detail: { at: new Date(3) } });
    const back = through({ error }) as { error: typeof error };
    expect(back.error).toBeInstanceOf(TypeError);
    expect(back.error).toMatchObject({ message: 'outer', code: 'EOUTER', detail: { at: new Date(3) }, stack: error.stack });
    expect(back.error.cause).toBeInstanceOf(RangeError);
    expect(back.error.cause).toMatchObject({ message: 'inner', code: 'EINNER' });
    expect(Object.keys(back.error)).toEqual(['code', 'detail']);
    class ReplyError extends Error {
      override name = 'ReplyError';
    }
    expect(through(new ReplyError('WRONGTYPE'))).toMatchObject({ name: 'ReplyError', message: 'WRONGTYPE' });
    const looped = new Error('a');
    looped.cause = looped;
    const backLooped = through(looped) as Error;
    expect(backLooped.cause).toBe(backLooped);
  });

  test('keeps the classes that it was told of, as pg has them', () => {
    class Field {
      constructor(
        readonly name: string,
        readonly dataTypeID: number,
      ) {}
    }
    class Result {
      command = 'SELECT';
      rowCount = 1;
      fields: Field[] = [new Field('id', 23)];
      rows: unknown[] = [{ id: 1, at: new Date(9) }];
      _parsers: unknown[] = [() => 1];
      addRow(row: unknown): void {
        this.rows.push(row);
      }
    }
    const pg = createCodec([dataClass('Result', ['command', 'rowCount', 'fields', 'rows']), dataClass('Field')]);
    const result = new Result();
    const back = pg.decode(pg.encode(result)) as Result;
    expect(back).toBeInstanceOf(Result);
    expect(back.fields[0]).toBeInstanceOf(Field);
    expect(back).toMatchObject({ command: 'SELECT', rowCount: 1, rows: [{ id: 1, at: new Date(9) }], fields: [{ name: 'id', dataTypeID: 23 }] });
    back.addRow({});
    expect(back.rows).toHaveLength(2);
    // After a restart nothing is known of the class until the first instance is seen.
    const next = createCodec([dataClass('Result', ['command']), dataClass('Field')]);
    expect(() => next.decode(pg.encode(result))).toThrow(NotPreservedError);
  });

  test('keeps a result of pg itself', () => {
    const Result = createRequire(import.meta.url)('pg/lib/result.js') as new (
      mode?: string,
    ) => Record<string, unknown> & { addFields(fields: unknown[]): void };
    const result = new Result();
    result.addFields([{ name: 'id', tableID: 1, columnID: 1, dataTypeID: 23, dataTypeSize: 4, dataTypeModifier: -1, format: 'text' }]);
    Object.assign(result, { command: 'SELECT', rowCount: 1, oid: null, rows: [{ id: 1 }] });
    const pg = createCodec([dataClass('Result', ['command', 'rowCount', 'oid', 'fields', 'rows', 'rowAsArray'])]);
    const back = pg.decode(pg.encode(result)) as typeof result;
    expect(back).toBeInstanceOf(Result);
    expect(back).toMatchObject({ command: 'SELECT', rowCount: 1, rows: [{ id: 1 }], fields: [{ name: 'id', dataTypeID: 23 }], rowAsArray: false });
  });

  test.each([
    ['functions', () => 1],
    ['symbols', { s: Symbol('s') }],
    ['instances of unknown classes', new (class Money {})()],
    ['subclasses of what it keeps', new (class MyMap extends Map {})()],
    ['subclasses of arrays', new (class MyArray extends Array {})()],
    ['subclasses of dates', new (class MyDate extends Date {})()],
    ['URLs', new URL('http://a')],
    ['promises', Promise.resolve()],
    ['weak maps', new WeakMap()],
  ])('refuses %s rather than change them', (_, value) => {
    expect(() => codec.encode(value)).toThrow(NotPreservedError);
  });

  test('decodes into memory of its own', () => {
    const bytes = codec.encode({ blob: Buffer.from('abc') });
    const first = codec.decode(bytes) as { blob: Buffer };
    first.blob.fill(0);
    expect((codec.decode(bytes) as { blob: Buffer }).blob.toString()).toBe('abc');
  });

  test('keeps whatever data there is', () => {
    const data = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: false,
    });
    fc.assert(
      fc.property(data, (value) => {
        expect(through(value)).toStrictEqual(value);
      }),
    );
  });

  test('never gives anything but an error or data for damaged bytes', () => {
    const good = codec.encode({ a: [1, 'two', new Date(3), new Error('x')] });
    fc.assert(
      fc.property(fc.nat(good.byteLength - 1), fc.nat(255), (at, byte) => {
        const bad = Uint8Array.from(good);
        bad[at] = byte;
        try {
          codec.decode(bad);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});
