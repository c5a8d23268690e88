import type { CallResult, Classify, Outcome } from '../core/outcome.ts';
import type { ObjectSchema, Schema } from '../core/schema.ts';
import { globToRegExp, literalLength } from './glob.ts';

/**
 * `classify` as a file can say it. An entry is an error's code, name or SQLSTATE, the first word of a Redis error reply,
 * or an HTTP or gRPC status: a text with `*` and `?`, a class such as `5xx`, or a number. Letter case does not matter.
 */
export interface ClassifyLists {
  readonly success?: readonly (string | number)[];
  readonly failure?: readonly (string | number)[];
  readonly ignored?: readonly (string | number)[];
}

// Unquoted in YAML, SQLSTATE 08006 is the number 8006: a number of four digits is surely such a loss.
const entry: Schema = {
  kind: 'union',
  words: "an error's code, name or SQLSTATE (in quotes if it begins with 0), or a status; with * and ?, or a class such as 5xx",
  of: [{ kind: 'string' }, { kind: 'number', integer: true, min: 0, max: 599 }, { kind: 'number', integer: true, min: 10_000, max: 99_999 }],
};

export const classifyListsSchema: ObjectSchema = {
  kind: 'object',
  properties: {
    success: { kind: 'array', items: entry, description: 'the dependency works' },
    failure: { kind: 'array', items: entry, description: 'the dependency fails' },
    ignored: { kind: 'array', items: entry, description: 'says nothing about the dependency' },
  },
} as const satisfies ObjectSchema & Schema;

/** In the order that wins when two entries are equally specific. */
const order = ['failure', 'ignored', 'success'] as const satisfies readonly Outcome[];

/**
 * Makes a {@link Classify} of lists: the entry with the most literal characters decides; what no entry matches is left
 * to whatever classifies below.
 */
export function classifyBy(lists: ClassifyLists): Classify {
  const entries = order.flatMap((outcome) => (lists[outcome] ?? []).map((item) => ({ outcome, ...compile(String(item)) })));
  entries.sort((a, b) => b.weight - a.weight);
  return (result) => {
    const traits = traitsOf(result);
    return entries.find(({ pattern }) => traits.some((trait) => pattern.test(trait)))?.outcome;
  };
}

/** Asks the topmost first; one that has no opinion leaves it to the next. */
export function chainClassify(topDown: readonly Classify[]): Classify | undefined {
  if (topDown.length < 2) return topDown[0];
  return (result) => {
    for (const classify of topDown) {
      const outcome = classify(result);
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  };
}

function compile(text: string): { readonly pattern: RegExp; readonly weight: number } {
  if (/^[1-5]xx$/i.test(text)) return { pattern: new RegExp(`^${text.charAt(0)}\\d\\d$`), weight: 1 };
  return { pattern: globToRegExp(text, 'i'), weight: literalLength(text) };
}

/** How far to follow `cause`: fetch hides what happened to the connection one or two errors down. */
const causes = 3;

function traitsOf(result: CallResult): string[] {
  const traits: string[] = [];
  let current = result.ok ? result.value : result.error;
  for (let depth = 0; depth <= causes && typeof current === 'object' && current !== null; depth += 1) {
    const { code, name, status, statusCode, message, cause } = current as Record<string, unknown>;
    const known = result.ok ? [status, statusCode] : [code, name, status, statusCode];
    for (const trait of known) if (typeof trait === 'string' || typeof trait === 'number') traits.push(String(trait));
    if (result.ok) break;
    // Redis puts the code into the text: `OOM command not allowed when used memory > 'maxmemory'`.
    const reply = name === 'ReplyError' && typeof message === 'string' ? /^[A-Z][A-Z0-9_]*/.exec(message)?.[0] : undefined;
    if (reply !== undefined) traits.push(reply);
    current = cause;
  }
  return traits;
}
