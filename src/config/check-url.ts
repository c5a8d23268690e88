import type { Target } from '../core/target.ts';

/** What a check can ask by a URL. */
export const askedKinds = ['redis', 'postgresql', 'http', 'tcp'] as const;
export type AskedKind = (typeof askedKinds)[number];

/** Where and how to ask: what the URL of a check says. */
export interface Endpoint {
  readonly kind: AskedKind;
  /** Host and port, or the path of a Unix socket. */
  readonly to: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Of `http`: path and query. Of `postgresql`: the database. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** As breakers name the same server; nothing secret in it. */
  readonly target: Target;
}

interface Scheme {
  readonly schemes: Readonly<Record<string, { readonly tls: boolean }>>;
  /** Without one: a port must be given. */
  readonly port?: number;
  readonly example: string;
}

const plain = { tls: false };
const encrypted = { tls: true };
const known: Readonly<Record<AskedKind, Scheme>> = {
  redis: {
    schemes: { redis: plain, rediss: encrypted, valkey: plain, valkeys: encrypted },
    port: 6_379,
    example: 'redis://10.0.0.5:6379, with a password redis://user:password@10.0.0.5:6379',
  },
  postgresql: { schemes: { postgresql: plain, postgres: plain }, port: 5_432, example: 'postgresql://user:password@10.0.0.6:5432/shop' },
  http: { schemes: { http: plain, https: encrypted }, example: 'https://api.example.com/health' },
  tcp: { schemes: { tcp: plain }, example: 'mail.example.com:25' },
};

/** In words, for messages: never what was written, which may hold a password. */
export function allowedUrl(kind: AskedKind): string {
  const what = kind === 'tcp' ? 'host and port' : `a URL of ${Object.keys(known[kind].schemes).join(' or ')}`;
  return `${what} such as ${known[kind].example}; \${NAME} stands for a variable of the environment`;
}

/** What a URL says; `undefined` for what is none of that kind. */
export function endpointOf(kind: AskedKind, text: string): Endpoint | undefined {
  try {
    if (kind === 'redis' && text.startsWith('/')) return socketEndpoint(kind, text, new URL('redis://localhost'));
    return parsed(kind, new URL(spelledOut(kind, text)));
  } catch {
    return undefined;
  }
}

function spelledOut(kind: AskedKind, text: string): string {
  if (kind === 'tcp' && !text.includes('://')) return `tcp://${text}`;
  // No host is this machine, or what the query names.
  return kind === 'postgresql' ? text.replace(/^([a-z]+:\/\/(?:[^/]*@)?)(?=\/)/, '$1localhost') : text;
}

function parsed(kind: AskedKind, url: URL): Endpoint | undefined {
  const scheme = url.protocol.slice(0, -1);
  const { schemes, port: usual } = known[kind];
  if (!Object.hasOwn(schemes, scheme)) return undefined;
  const { searchParams: query } = url;
  const tls = schemes[scheme]?.tls ?? false;
  const given = (kind === 'postgresql' ? query.get('host') : null) ?? decodeURIComponent(url.hostname);
  const port = Number((url.port || (kind === 'postgresql' ? query.get('port') : null)) ?? '') || (kind === 'http' ? (tls ? 443 : 80) : usual);
  if (given.startsWith('/') && kind === 'postgresql') return socketEndpoint(kind, `${given}/.s.PGSQL.${port}`, url);
  const host = given.replace(/^\[(.*)\]$/, '$1');
  if (host === '' || port === undefined) return undefined;
  const shown = host.includes(':') ? `[${host}]` : host;
  const server = kind === 'http' ? url.origin : `${kind}://${shown}:${port}`;
  return { ...rest(kind, url), to: { host, port }, tls, target: { ...systemOf(kind), address: host, port, server } };
}

function socketEndpoint(kind: AskedKind, path: string, url: URL): Endpoint {
  return { ...rest(kind, url), to: { path }, tls: false, target: { ...systemOf(kind), address: path, server: `${kind}://${path}` } };
}

function rest(kind: AskedKind, url: URL): Pick<Endpoint, 'kind' | 'user' | 'password' | 'path' | 'query'> {
  const { searchParams: query } = url;
  const ofQuery = (name: string): string | undefined => (kind === 'postgresql' ? (query.get(name) ?? undefined) : undefined);
  const path = kind === 'http' ? url.pathname + url.search : decodeURIComponent(url.pathname.slice(1));
  return {
    kind,
    user: decodeURIComponent(url.username) || ofQuery('user'),
    password: decodeURIComponent(url.password) || ofQuery('password'),
    path: kind === 'postgresql' ? (ofQuery('dbname') ?? path) : path,
    query,
  };
}

/** A port of TCP belongs to nobody in particular. */
function systemOf(kind: AskedKind): { system?: string } {
  return kind === 'tcp' ? {} : { system: kind };
}

/** `${NAME}`, `${env:NAME}`, `${NAME:-default}`, and `$$` for a dollar: as in OpenTelemetry's own configuration files. */
const variable = /\$\$|\$\{(?:env:)?([A-Za-z_]\w*)(?::-([^}]*))?\}/g;

/** The names of the variables in a text. */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(variable)].flatMap(([, name]) => name ?? []);
}

/** Whether a text is the same whatever the environment. */
export function isPlainText(text: string): boolean {
  return text.search(variable) === -1;
}

/**
 * Puts in the values of variables. One that is a part of user or password is taken as it is, and encoded as a URL needs it.
 * @throws Error naming a variable that is not set or empty
 */
export function interpolated(text: string, env: Readonly<Record<string, string | undefined>>): string {
  const credentials = /^[a-z][a-z+.-]*:\/\/(.*)@/is.exec(text)?.[0].length ?? 0;
  return text.replaceAll(variable, (whole: string, name: string | undefined, fallback: string | undefined, offset: number) => {
    if (name === undefined) return whole === '$$' ? '$' : whole;
    const value = env[name]?.trim() || fallback;
    if (value === undefined) throw new Error(`the environment variable ${name} is not set`);
    return offset < credentials ? encodeURIComponent(value) : value;
  });
}
