import { SCANNED_CHARS, type Token, tokens } from './lexer.ts';
import { changesSession, isPlainRead, isSetting } from './plain-read.ts';

/** The classes of operation that have a breaker each. */
export type OperationClass = 'read' | 'write' | 'delete' | 'admin' | 'listen';

/** What an SQL text means to the breakers. */
export interface Operation {
  readonly operation: OperationClass;
  /** Never refused: COMMIT, ROLLBACK, savepoints. Whoever holds a transaction must be able to end it. */
  readonly passes: boolean;
  /** Leaves the connection in a transaction, or out of one; `undefined`: as it was. */
  readonly transaction: 'begin' | 'end' | undefined;
  /** A COPY whose data flow at the pace of the application. */
  readonly copy: 'in' | 'out' | undefined;
  /** One SELECT that as far as its text tells does nothing: it may be asked twice, or answered with what it said before. */
  readonly repeatable: boolean;
  /** Is about the connection only. */
  readonly setting: boolean;
  /** Later statements on the connection may mean something else. */
  readonly session: boolean;
}

const verbs: Readonly<Record<string, OperationClass>> = {
  SELECT: 'read',
  SHOW: 'read',
  TABLE: 'read',
  VALUES: 'read',
  FETCH: 'read',
  MOVE: 'read',
  DECLARE: 'read',
  CLOSE: 'read',
  INSERT: 'write',
  UPDATE: 'write',
  MERGE: 'write',
  CALL: 'write',
  DO: 'write',
  LOCK: 'write',
  // What was prepared is not known here; the careful guess.
  EXECUTE: 'write',
  DELETE: 'delete',
  TRUNCATE: 'delete',
  LISTEN: 'listen',
  UNLISTEN: 'listen',
  NOTIFY: 'listen',
};

/** Of several statements in one text the weightiest gives the class. */
export const operationClasses: readonly OperationClass[] = ['listen', 'read', 'write', 'delete', 'admin'];

const modifying = new Set(['INSERT', 'UPDATE', 'MERGE', 'DELETE']);

/** Two generations: when the young one is full it becomes the old one, so that texts in use stay and memory is bounded. */
const CACHED_TEXTS = 500;
/** Longer texts mostly have their values inside and never come again. */
const CACHED_CHARS = 2_000;
let young = new Map<string, Operation>();
let old = new Map<string, Operation>();

/** What a text does. Cached by text; never throws. */
export function operationOf(sql: string): Operation {
  if (sql.length > CACHED_CHARS) return analyse(sql);
  let known = young.get(sql);
  if (known !== undefined) return known;
  known = old.get(sql) ?? analyse(sql);
  if (young.size >= CACHED_TEXTS) {
    old = young;
    young = new Map();
  }
  young.set(sql, known);
  return known;
}

type Words = readonly Token[];

function analyse(sql: string): Operation {
  let operation: OperationClass | undefined;
  let begins: OperationClass | undefined;
  let controls = 0;
  let transaction: Operation['transaction'];
  let copy: Operation['copy'];
  let session = false;
  let setting = true;
  let count = 0;
  let plain = sql.length <= SCANNED_CHARS;
  for (const statement of statements(sql)) {
    count += 1;
    plain &&= count === 1 && isPlainRead(statement);
    setting &&= isSetting(statement);
    session ||= changesSession(statement);
    const control = controlOf(statement);
    if (control === undefined) {
      const own = classOf(statement);
      if (operation === undefined || operationClasses.indexOf(own) > operationClasses.indexOf(operation)) operation = own;
      copy ??= copyDirection(statement);
      continue;
    }
    controls += 1;
    if (control === 'within') continue;
    transaction = control;
    if (control === 'begin') begins = begins === 'write' || !isReadOnly(statement) ? 'write' : 'read';
  }
  const admitted = operation ?? begins;
  // Nothing but comments is answered by the server like a read; nothing but control of a transaction passes.
  const repeatable = plain && count === 1 && operation === 'read';
  return {
    operation: admitted ?? 'read',
    passes: admitted === undefined && controls > 0,
    transaction,
    copy,
    repeatable,
    setting: setting && count > 0,
    session,
  };
}

/** The statements of a text, each at least one token long. */
function* statements(sql: string): Generator<Words> {
  let words: Token[] = [];
  let body = false;
  for (const token of tokens(sql)) {
    // The body of an SQL-standard function has semicolons of its own, up to the end of the text as far as anybody cares.
    if (token.text === 'ATOMIC' && words[0]?.text === 'CREATE') body = true;
    if (token.text !== ';' || token.depth > 0 || body) words.push(token);
    else if (words.length > 0) {
      yield words;
      words = [];
    }
  }
  if (words.length > 0) yield words;
}

const word = (statement: Words, at: number): string => statement[at]?.text ?? '';

/** What a statement does to the transaction: `within` is a savepoint and the like; `undefined` is no control statement. */
function controlOf(statement: Words): 'begin' | 'end' | 'within' | undefined {
  switch (word(statement, 0)) {
    case 'BEGIN':
      return 'begin';
    case 'START':
      return word(statement, 1) === 'TRANSACTION' ? 'begin' : undefined;
    case 'COMMIT':
    case 'ROLLBACK':
    case 'ABORT':
    case 'END':
      return endOf(statement);
    case 'PREPARE':
      return word(statement, 1) === 'TRANSACTION' ? 'end' : undefined;
    case 'SAVEPOINT':
    case 'RELEASE':
      return 'within';
    default:
      return undefined;
  }
}

function endOf(statement: Words): 'end' | 'within' {
  const texts = statement.map((token) => token.text);
  // ROLLBACK TO, COMMIT PREPARED and AND CHAIN leave things as they are; AND NO CHAIN does not.
  const chained = texts.includes('CHAIN') && !texts.includes('NO');
  return chained || texts.includes('TO') || texts.includes('PREPARED') ? 'within' : 'end';
}

function isReadOnly(statement: Words): boolean {
  return statement.some((token, at) => token.text === 'READ' && word(statement, at + 1) === 'ONLY');
}

function classOf(statement: Words): OperationClass {
  const first = statement.findIndex((token) => token.text !== '(');
  switch (word(statement, first)) {
    case '':
      return 'read';
    case 'WITH':
      return classOfWith(statement);
    case 'SELECT':
      // Makes a table.
      return statement.some((token) => token.text === 'INTO') ? 'write' : 'read';
    case 'COPY':
      return copyDirection(statement) === 'in' ? 'write' : 'read';
    case 'EXPLAIN': {
      const analysed = statement.some((token) => token.text === 'ANALYZE' || token.text === 'ANALYSE');
      const verb = statement.findIndex((token) => token.text === 'WITH' || modifying.has(token.text));
      return analysed && verb > 0 ? classOf(statement.slice(verb)) : 'read';
    }
    case 'PREPARE': {
      const body = statement.findIndex((token) => token.text === 'AS');
      return body > 0 && body + 1 < statement.length ? classOf(statement.slice(body + 1)) : 'admin';
    }
    default:
      return verbs[word(statement, first)] ?? 'admin';
  }
}

/** A CTE, or the statement behind them, may modify: its verb stands right after a parenthesis, unlike that of FOR UPDATE. */
function classOfWith(statement: Words): OperationClass {
  let found: OperationClass = 'read';
  for (let at = 1; at < statement.length; at += 1) {
    const before = word(statement, at - 1);
    if ((before !== '(' && before !== ')') || !modifying.has(word(statement, at))) continue;
    const own = verbs[word(statement, at)] ?? 'write';
    if (operationClasses.indexOf(own) > operationClasses.indexOf(found)) found = own;
  }
  return found;
}

function copyDirection(statement: Words): Operation['copy'] {
  if (word(statement, 0) !== 'COPY') return undefined;
  const direction = statement.find((token) => token.depth === 0 && (token.text === 'FROM' || token.text === 'TO'));
  return direction?.text === 'FROM' ? 'in' : 'out';
}
