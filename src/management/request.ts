import type { ConfigIssue } from '../core/errors.ts';
import { check, type ObjectSchema } from '../core/schema.ts';
import { Refusal } from './answer.ts';

/** A request as the application sees it: what Node has of one, or what a test gives. */
export interface Request {
  readonly method: string;
  /** As it came: path and query, nothing decoded. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The address of the other side. */
  readonly remote: string | undefined;
  /** At most {@link maxBodyBytes}. */
  body(): Promise<Uint8Array>;
}

export const maxBodyBytes = 16 * 1_024;

export function header({ headers }: Request, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function tooLarge(): Refusal {
  return new Refusal(413, 'body_too_large', `the body has more than ${maxBodyBytes} bytes`, { connection: 'close' });
}

/**
 * Reads a body by its schema; none at all counts as `{}`.
 * @throws Refusal naming everything that is wrong with it
 */
export async function readBody<T>(request: Request, schema: ObjectSchema): Promise<T> {
  // What is known to be too much is not waited for.
  if (Number(header(request, 'content-length') ?? 0) > maxBodyBytes) throw tooLarge();
  const bytes = await request.body();
  const type = header(request, 'content-type');
  if (bytes.length > 0 && !/^application\/json\s*(;|$)/i.test(type ?? '')) {
    throw new Refusal(415, 'unsupported_media_type', `content-type is ${type ?? 'missing'}; send application/json`);
  }
  const issues: ConfigIssue[] = [];
  const value = check(schema, parse(bytes), issues);
  if (issues.length === 0) return value as T;
  const views = issues.map(({ path, allowed }) => ({ path, allowed }));
  const said = views.map(({ path, allowed }) => (path === '' ? allowed : `${path}: ${allowed}`)).join('; ');
  throw new Refusal(400, 'invalid_body', `the body is not as it should be: ${said}`, {}, views);
}

function parse(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return {};
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (error) {
    throw new Refusal(400, 'bad_request', `the body is no JSON: ${(error as Error).message}`);
  }
}
