import { isPlainObject } from '../../src/core/schema.ts';
import type { Codec, DataClass } from '../../src/policies/stale-cache/codec.ts';
import { createCodec, dataClass } from '../../src/policies/stale-cache/codec.ts';

/** What a query comes to, as far as callers know it. */
interface PgResult {
  command: unknown;
  rowCount: unknown;
  oid: unknown;
  rows: unknown[];
  fields: unknown[];
  rowAsArray?: unknown;
}

/** A result as plain data. */
interface ResultData extends PgResult {
  readonly of: 'pg';
}

/** Of intervals pg makes objects of a class that has nothing but its properties. */
const interval: DataClass = dataClass('PostgresInterval');

/** For rows: their values come back with their types, or are not kept. */
export const rowCodec: Codec = createCodec([interval]);

const isResult = (value: unknown): value is PgResult =>
  typeof value === 'object' && value !== null && Array.isArray((value as PgResult).rows) && Array.isArray((value as PgResult).fields);

/** Makes results of the class that a copy of pg has for them. */
export class ResultMaker {
  readonly #Client: unknown;
  #prototype: object | undefined;
  #field: object | null | undefined;

  /** @param Client the class of the client or of a pool's clients */
  constructor(Client: unknown) {
    this.#Client = Client;
  }

  /** What is to be kept of an answer; `undefined` for what is no result of pg's. */
  dataOf(value: unknown): ResultData | undefined {
    if (!isResult(value)) return undefined;
    this.#prototype ??= Object.getPrototypeOf(value) as object;
    const [field] = value.fields;
    if (typeof field === 'object' && field !== null) this.#field ??= Object.getPrototypeOf(field) as object | null;
    const { command, rowCount, oid, rows, rowAsArray } = value;
    const fields = value.fields.map((each) => ({ ...(each as object) }));
    return { of: 'pg', command, rowCount, oid, rows, fields, ...(rowAsArray === undefined ? {} : { rowAsArray }) };
  }

  /** The answer again. The data become part of it. */
  fromData(data: unknown): unknown {
    const { of, ...parts } = data as ResultData;
    if (of !== 'pg') throw new TypeError('not what was kept');
    const field = this.#field;
    if (field !== undefined && field !== null) for (const each of parts.fields) Object.setPrototypeOf(each, field);
    return Object.assign(this.#blank(parts.rowAsArray === true), parts);
  }

  /** No rows. */
  empty(rowAsArray: boolean): unknown {
    return this.#with('SELECT', [], rowAsArray);
  }

  /** A configured value as an answer: a list is the rows; an object with `rows` says what it says; anything else is served as it is. */
  served(value: unknown, command: string | null, rowAsArray: boolean): unknown {
    const copy = copyOf(value);
    if (Array.isArray(copy)) return this.#with(command, copy, rowAsArray);
    if (!isPlainObject(copy) || !Array.isArray(copy['rows'])) return copy;
    return Object.assign(this.#with(command, copy['rows'], rowAsArray), copy);
  }

  #with(command: string | null, rows: unknown[], rowAsArray: boolean): PgResult {
    return Object.assign(this.#blank(rowAsArray), { command, rowCount: rows.length, oid: null, rows, fields: [] });
  }

  /** As pg makes it before the answer comes in; pg-native makes it of the answer, so that one has to have been seen. */
  #blank(rowAsArray: boolean): PgResult {
    try {
      const { Query } = this.#Client as { Query?: new (config: object) => { _result?: unknown } };
      const made = Query && new Query({ text: '', ...(rowAsArray ? { rowMode: 'array' } : {}) })._result;
      if (isResult(made)) return made;
    } catch {
      // As good as no such class.
    }
    const plain: PgResult = { command: null, rowCount: null, oid: null, rows: [], fields: [] };
    return this.#prototype === undefined ? plain : (Object.setPrototypeOf(plain, this.#prototype) as PgResult);
  }
}

/** The next caller's is none of this one's business. */
function copyOf(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return value;
  }
}

const makers = new WeakMap<object, ResultMaker>();

/** The same one for all clients of a class. */
export function resultMaker(Client: unknown): ResultMaker {
  if (typeof Client !== 'function') return new ResultMaker(Client);
  let maker = makers.get(Client);
  if (maker === undefined) {
    maker = new ResultMaker(Client);
    makers.set(Client, maker);
  }
  return maker;
}
