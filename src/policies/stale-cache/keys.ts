import { isSecretHeader, isSecretParameter } from '../../core/credentials.ts';

/**
 * What makes up the key of a stored answer. Two questions that could have different answers never share one: parts carry their
 * types ('1' and 1 differ) and lengths ('ab', 'c' and 'a', 'bc' differ). Keys are digests, so that no value of a query stands in
 * memory dumps or files in the clear. `undefined`: the question has a part whose meaning nobody can tell, so it is not cached.
 */
export type CacheKey = string | undefined;

/** `redis`: by server, database, user (ACLs differ), command and arguments. */
export function redisCacheKey(of: {
  readonly server: string;
  readonly db: number;
  readonly user?: string | undefined;
  readonly command: string;
  readonly args: readonly unknown[];
}): CacheKey {
  return digest('redis', [of.server, of.db, of.user, of.command.toLowerCase(), [...of.args]]);
}

/**
 * `sql`: by server, database, user, text and values. State of the session is not part of it: whoever has rows that depend on
 * `SET ROLE` or `current_setting(...)` (row level security) names that in `partition`, or caches nothing.
 */
export function sqlCacheKey(of: {
  readonly server: string;
  readonly database: string | undefined;
  readonly user: string | undefined;
  readonly text: string;
  readonly values?: readonly unknown[] | undefined;
  /** `array` and the like: it changes the shape of the answer. */
  readonly rowMode?: string | undefined;
  /** Whatever else the answer depends on: a tenant, a role. */
  readonly partition?: string | undefined;
}): CacheKey {
  return digest('sql', [of.server, of.database, of.user, of.text, of.values === undefined ? [] : [...of.values], of.rowMode, of.partition]);
}

/** Whether an HTTP request says who asks: its answer may be meant for one person only. */
export function isCredentialed(url: URL, headers: Iterable<readonly [name: string, value: string]>): boolean {
  if (url.username !== '' || url.password !== '') return true;
  for (const [name] of headers) if (isSecretHeader(name)) return true;
  if (url.search === '') return false;
  for (const name of url.searchParams.keys()) if (isSecretParameter(name)) return true;
  return false;
}

/**
 * `http`: GET by its URL. `undefined` for other methods, and for credentialed requests unless `partition` names whose they are.
 * What else the answer varies with (`Vary`) is for the HTTP rules to compare.
 */
export function httpCacheKey(of: {
  readonly method: string;
  readonly url: string;
  readonly headers: Iterable<readonly [name: string, value: string]>;
  /** Whose request it is; only then are credentialed requests cached, apart from everybody else's. */
  readonly partition?: string | undefined;
}): CacheKey {
  if (of.method.toUpperCase() !== 'GET') return undefined;
  let url: URL;
  try {
    url = new URL(of.url);
  } catch {
    return undefined;
  }
  if (of.partition === undefined && isCredentialed(url, of.headers)) return undefined;
  url.hash = '';
  return digest('http', [url.href, of.partition]);
}

/** For functions and anything else: `undefined` if a part is of a kind that is not known by its value. */
export function digest(kind: string, parts: readonly unknown[]): CacheKey {
  // Loaded with the first key: most processes keep no answers.
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  for (const part of parts) {
    const text = typed(part, 0);
    if (text === undefined) return undefined;
    // In UTF-8 lone surrogates would all be one character.
    hash.update(text, 'utf16le');
  }
  return `${kind}:${hash.digest('base64url')}`;
}

/** Injective: two values have the same text only if they are the same question. */
function typed(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return `s${value.length}:${value}`;
    case 'number':
      return `n${Object.is(value, -0) ? '-0' : value};`;
    case 'bigint':
      return `i${value};`;
    case 'boolean':
      return value ? 't;' : 'f;';
    case 'undefined':
      return 'u;';
    case 'object':
      return value === null ? '0;' : typedObject(value, depth);
    default:
      return undefined;
  }
}

function typedObject(value: object, depth: number): string | undefined {
  // Deeper than any question that means itself; a cycle ends here too.
  if (depth > 16) return undefined;
  if (value instanceof Uint8Array) return `b${value.byteLength}:${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')}`;
  if (value instanceof Date) return `d${value.getTime()};`;
  if (Array.isArray(value)) return list('a', Array.from(value), depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  // pg lets any object say how it is sent; only a plain one means what it looks like.
  if ((prototype !== Object.prototype && prototype !== null) || 'toPostgres' in value || 'toJSON' in value) return undefined;
  return list('o', Object.entries(value).flat(), depth);
}

function list(kind: string, items: readonly unknown[], depth: number): string | undefined {
  const texts: string[] = [];
  for (const item of items) {
    const text = typed(item, depth + 1);
    if (text === undefined) return undefined;
    texts.push(text);
  }
  return `${kind}${texts.length}:${texts.join('')}`;
}
