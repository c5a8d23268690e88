/**
 * Just enough of PostgreSQL's lexical rules to find statements and the words that tell what they do: comments (nested),
 * strings (with doubled quotes, and backslashes after E), quoted identifiers, dollar quotes and parentheses are stepped over.
 * One pass, no regular expressions, no allocation but the words.
 */
export interface Token {
  /** An unquoted word in upper case, or one of `(`, `)`, `;`; anything else is reported as `?`. */
  readonly text: string;
  /** How many parentheses are open around it. */
  readonly depth: number;
}

/** Where scanning stops: a bulk INSERT of a megabyte must not cost milliseconds, and what matters stands in front. */
export const SCANNED_CHARS = 8_192;

const isSpace = (c: number): boolean => c === 32 || (c >= 9 && c <= 13);
const isDigit = (c: number): boolean => c >= 48 && c <= 57;
// Letters, the underscore and everything beyond ASCII, as PostgreSQL has it.
const isWordStart = (c: number): boolean => (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95 || c > 127;
const isWordPart = (c: number): boolean => isWordStart(c) || isDigit(c) || c === 36;

/** The tokens of an SQL text, in order, as far as it is looked at. A text that breaks off inside a string just ends. */
export function* tokens(sql: string): Generator<Token> {
  const end = Math.min(sql.length, SCANNED_CHARS);
  let depth = 0;
  let at = 0;
  while (at < end) {
    const c = sql.charCodeAt(at);
    if (isSpace(c)) at += 1;
    else if (c === 45 && sql.charCodeAt(at + 1) === 45) at = afterLine(sql, at);
    else if (c === 47 && sql.charCodeAt(at + 1) === 42) at = afterComment(sql, at, end);
    else if (isWordStart(c)) {
      const from = at;
      while (at < end && isWordPart(sql.charCodeAt(at))) at += 1;
      const escapes = at === from + 1 && (c === 69 || c === 101) && sql.charCodeAt(at) === 39;
      if (escapes) at = afterQuoted(sql, at, end, true);
      yield { text: escapes ? '?' : sql.slice(from, at).toUpperCase(), depth };
    } else if (c === 40) {
      yield { text: '(', depth };
      depth += 1;
      at += 1;
    } else if (c === 41) {
      depth = Math.max(0, depth - 1);
      at += 1;
      yield { text: ')', depth };
    } else if (c === 59) {
      at += 1;
      yield { text: ';', depth };
    } else {
      at = afterOther(sql, at, end, c);
      yield { text: '?', depth };
    }
  }
}

function afterOther(sql: string, at: number, end: number, c: number): number {
  if (c === 39 || c === 34) return afterQuoted(sql, at, end, false);
  if (c === 36) return afterDollar(sql, at, end);
  if (!isDigit(c)) return at + 1;
  let next = at;
  while (next < end && isWordPart(sql.charCodeAt(next))) next += 1;
  return next;
}

function afterLine(sql: string, at: number): number {
  const newline = sql.indexOf('\n', at);
  return newline < 0 ? sql.length : newline + 1;
}

function afterComment(sql: string, at: number, end: number): number {
  let open = 1;
  let next = at + 2;
  while (next < end && open > 0) {
    const pair = sql.charCodeAt(next) * 256 + sql.charCodeAt(next + 1);
    if (pair === 0x2a2f) open -= 1;
    else if (pair === 0x2f2a) open += 1;
    else {
      next += 1;
      continue;
    }
    next += 2;
  }
  return next;
}

/** After a string or quoted identifier. */
function afterQuoted(sql: string, at: number, end: number, backslashes: boolean): number {
  const quote = sql.charCodeAt(at);
  let next = at + 1;
  while (next < end) {
    const c = sql.charCodeAt(next);
    // A doubled quote stands for one.
    if (c === quote && sql.charCodeAt(next + 1) !== quote) return next + 1;
    next += c === quote || (backslashes && c === 92) ? 2 : 1;
  }
  return next;
}

/** After `$$...$$` or `$tag$...$tag$`; a parameter such as `$1` is neither. */
function afterDollar(sql: string, at: number, end: number): number {
  let next = at + 1;
  while (next < end && isWordPart(sql.charCodeAt(next)) && sql.charCodeAt(next) !== 36) next += 1;
  if (sql.charCodeAt(next) !== 36 || isDigit(sql.charCodeAt(at + 1))) return next;
  const tag = sql.slice(at, next + 1);
  const close = sql.indexOf(tag, next + 1);
  return close < 0 ? sql.length : close + tag.length;
}
