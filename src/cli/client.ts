import { parseTokens } from '../management/tokens.ts';
import type {
  AdminAnswer,
  BreakerAction,
  DegradeRequest,
  ErrorView,
  FaultRequest,
  FaultsView,
  ModeRequest,
  Overview,
  ReasonRequest,
} from '../management/wire.ts';
import { CliError, exitCodes, usageError } from './exit-codes.ts';
import type { Io } from './io.ts';

/** Where a process with the preload serves management, unless told otherwise. */
export const usualUrl = 'http://127.0.0.1:9464';
/** How long an answer may take. */
const patienceMs = 5_000;
/** Admin requests are limited to one a second after the first twenty: a longer wait is somebody else's doing. */
const longestPauseMs = 15_000;

/** Talks to the management server of one process. Every method throws a {@link CliError} that says what to do. */
export class Client {
  readonly url: string;
  readonly #io: Io;
  readonly #secret: string | undefined;

  constructor(io: Io, url: string | undefined, token: string | undefined) {
    this.#io = io;
    this.url = checkUrl(url ?? (io.env.OTEL_BREAKER_URL?.trim() || usualUrl), url === undefined ? 'OTEL_BREAKER_URL' : '--url');
    this.#secret = secretOf(io, token);
  }

  async overview(): Promise<Overview> {
    const answer = (await this.#ask('GET', '/api/overview')) as Partial<Overview> | null;
    if (!Array.isArray(answer?.breakers)) throw this.#stranger();
    return answer as Overview;
  }

  act(breaker: string, action: BreakerAction, body: ReasonRequest): Promise<AdminAnswer> {
    return this.#ask('POST', `/admin/circuit-breakers/${encodeURIComponent(breaker)}/${action}`, body) as Promise<AdminAnswer>;
  }

  mode(body: ModeRequest): Promise<AdminAnswer> {
    return this.#ask('POST', '/admin/resilience/mode', body) as Promise<AdminAnswer>;
  }

  degrade(body: DegradeRequest): Promise<AdminAnswer> {
    return this.#ask('POST', '/admin/resilience/degrade', body) as Promise<AdminAnswer>;
  }

  faults(): Promise<FaultsView> {
    return this.#ask('GET', '/admin/faults') as Promise<FaultsView>;
  }

  inject(body: FaultRequest): Promise<AdminAnswer> {
    return this.#ask('POST', '/admin/faults', body) as Promise<AdminAnswer>;
  }

  async #ask(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const { status, pauseMs, answer } = await this.#send(method, path, body);
    if (status < 400) return answer;
    if (status === 429 && pauseMs !== undefined && pauseMs <= longestPauseMs && !this.#io.ended.aborted) {
      await this.#io.wait(pauseMs);
      return this.#ask(method, path, body);
    }
    const { code, message } = (answer as Partial<ErrorView> | null)?.error ?? {};
    if (code === undefined) throw this.#stranger();
    if (code === 'unauthorized' || code === 'admin_disabled') {
      const hint = this.#secret === undefined && code === 'unauthorized' ? '; set OTEL_BREAKER_ADMIN_TOKEN to name:secret' : '';
      throw new CliError(exitCodes.unauthorized, code, `${this.url}: ${message}${hint}`);
    }
    throw new CliError(exitCodes.refused, code, `${this.url}: ${message}`);
  }

  async #send(method: string, path: string, body: object | undefined) {
    try {
      const response = await fetch(this.url + path, {
        method,
        headers: {
          accept: 'application/json',
          ...(this.#secret !== undefined && { authorization: `Bearer ${this.#secret}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // A token goes where it was meant to go, and nowhere else.
        redirect: 'error',
        signal: AbortSignal.any([this.#io.ended, AbortSignal.timeout(patienceMs)]),
      });
      const text = await response.text();
      const pause = Number(response.headers.get('retry-after') ?? Number.NaN);
      return { status: response.status, pauseMs: Number.isFinite(pause) ? pause * 1_000 : undefined, answer: parsed(text) };
    } catch (error) {
      throw new CliError(
        exitCodes.unreachable,
        'unreachable',
        `nothing answers at ${this.url} (${why(error)}); --url or OTEL_BREAKER_URL says where, as the service's log does`,
      );
    }
  }

  #stranger(): CliError {
    return new CliError(exitCodes.unreachable, 'unreachable', `what answers at ${this.url} is no management server of otel-breaker`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function why(error: unknown): string {
  if ((error as Error).name === 'TimeoutError') return `no answer within ${patienceMs / 1_000} s`;
  const { cause } = error as { cause?: { code?: string; message?: string } };
  // Of the Fetch standard: ports of other protocols, which no request over HTTP goes to.
  if (cause?.message === 'bad port') return 'fetch makes no requests to this port, which belongs to another protocol';
  return cause?.code ?? cause?.message ?? (error as Error).message;
}

function checkUrl(text: string, source: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '')
    throw usageError(`${source} is '${text}'; allowed: an http:// or https:// URL such as ${usualUrl}`);
  return url.href.replace(/\/+$/, '');
}

/** The first token that is named anywhere, as the service's own variable has it: `name:secret`, or a secret alone. */
function secretOf(io: Io, given: string | undefined): string | undefined {
  const { OTEL_BREAKER_ADMIN_TOKEN: admin, OTEL_BREAKER_READ_TOKEN: read } = io.env;
  const [text, source] =
    given !== undefined ? [given, '--token'] : admin?.trim() ? [admin, 'OTEL_BREAKER_ADMIN_TOKEN'] : [read, 'OTEL_BREAKER_READ_TOKEN'];
  if (given !== undefined)
    io.err('otel-breaker: a --token can be seen by everybody on this machine who lists processes; better set OTEL_BREAKER_ADMIN_TOKEN\n');
  if (text === undefined || text.trim() === '') return undefined;
  try {
    return parseTokens(text, 'admin', source)[0]?.secret;
  } catch (error) {
    throw usageError(error instanceof Error ? error.message : String(error));
  }
}
