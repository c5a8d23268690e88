import type { Token } from './lexer.ts';

const readers = new Set(['SELECT', 'WITH', 'VALUES', 'TABLE']);
/** What follows FOR where rows are locked. */
const locks = new Set(['UPDATE', 'SHARE', 'NO', 'KEY']);
/** PostgreSQL's own functions that do something. Those of an application cannot be known by their names. */
const doers =
  /^(NEXTVAL|SETVAL|SET_CONFIG|PG_NOTIFY|PG_TERMINATE_BACKEND|PG_CANCEL_BACKEND|PG_RELOAD_CONF|PG_(TRY_)?ADVISORY_\w+|PG_LOGICAL_\w+|LO_\w+|DBLINK\w*)$/;

const isCall = (statement: readonly Token[], at: number): boolean => statement[at + 1]?.text === '(';

/**
 * Whether a statement of the class `read` can be asked twice, or answered with what it said before: it locks no rows, makes
 * no table and calls none of PostgreSQL's functions that do something.
 */
export function isPlainRead(statement: readonly Token[]): boolean {
  const first = statement.find(({ text }) => text !== '(');
  if (first === undefined || !readers.has(first.text)) return false;
  return statement.every(({ text }, at) => {
    if (text === 'INTO') return false;
    if (text === 'FOR') return !locks.has(statement[at + 1]?.text ?? '');
    return !isCall(statement, at) || !doers.test(text);
  });
}

const settings = new Set(['SET', 'RESET', 'DISCARD', 'DEALLOCATE']);

/** Whether a statement is about its connection only: nothing of it is stored. */
export const isSetting = (statement: readonly Token[]): boolean => settings.has(statement[0]?.text ?? '');

const changers = new Set(['SET', 'RESET', 'DISCARD', 'LOAD', 'CREATE', 'DROP', 'ALTER', 'DO', 'CALL', 'EXECUTE', 'DECLARE']);

/**
 * Whether a statement may change what later ones on the connection mean: settings, the role, temporary tables. What holds
 * for the transaction only (`SET LOCAL`, `set_config(..., true)`) is gone with it.
 */
export function changesSession(statement: readonly Token[]): boolean {
  const first = statement[0]?.text ?? '';
  if (first === 'SET') return statement[1]?.text !== 'LOCAL' && statement[1]?.text !== 'TRANSACTION' && statement[1]?.text !== 'CONSTRAINTS';
  if (changers.has(first)) return true;
  return statement.some(({ text }, at) => text === 'SET_CONFIG' && isCall(statement, at) && !isLocal(statement, at + 1));
}

/** @param open where the parenthesis stands that opens the arguments of `set_config` */
function isLocal(statement: readonly Token[], open: number): boolean {
  const { depth } = statement[open] ?? { depth: 0 };
  const close = statement.findIndex((token, at) => at > open && token.text === ')' && token.depth === depth);
  return close > 0 && statement[close - 1]?.text === 'TRUE';
}
