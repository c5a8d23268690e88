import type { ErrorView, EventMap, HistoryView } from '../../../wire.ts';
import { EventParser } from './sse.ts';
import { token } from './token.ts';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

function headers(): Record<string, string> {
  const secret = token.get();
  return secret === undefined ? {} : { authorization: `Bearer ${secret}` };
}

async function failure(response: Response): Promise<ApiError> {
  const view = (await response.json().catch(() => undefined)) as Partial<ErrorView> & { error?: unknown };
  const { error } = view ?? {};
  const said = typeof error === 'string' ? error : (error as ErrorView['error'] | undefined)?.message;
  return new ApiError(response.status, said ?? `the server answers ${response.status}`);
}

export async function history(breaker?: string): Promise<HistoryView> {
  const response = await fetch(`/api/history${breaker === undefined ? '' : `?breaker=${encodeURIComponent(breaker)}`}`, { headers: headers() });
  if (!response.ok) throw await failure(response);
  return (await response.json()) as HistoryView;
}

/** @throws ApiError with what the server says */
export async function act<T>(path: string, body: object): Promise<T> {
  const response = await fetch(path, { method: 'POST', headers: { ...headers(), 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!response.ok) throw await failure(response);
  return (await response.json()) as T;
}

export type Heard = { [K in keyof EventMap]: { readonly name: K; readonly data: EventMap[K] } }[keyof EventMap];

/** No event for so long: the connection is dead, whatever it says. */
const silenceMs = 6_000;

/** Listens until the connection ends. @throws ApiError when it is refused */
export async function listen(opened: () => void, hear: (event: Heard) => void): Promise<void> {
  const control = new AbortController();
  let silence = setTimeout(() => control.abort(), silenceMs);
  try {
    const response = await fetch('/api/events', { headers: headers(), signal: control.signal, cache: 'no-store' });
    if (!response.ok || response.body === null) throw await failure(response);
    opened();
    const reader = response.body.getReader();
    const [decoder, parser] = [new TextDecoder(), new EventParser()];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => control.abort(), silenceMs);
      for (const { name, data } of parser.push(decoder.decode(value, { stream: true }))) hear({ name, data: JSON.parse(data) } as Heard);
    }
  } finally {
    clearTimeout(silence);
    control.abort();
  }
}
