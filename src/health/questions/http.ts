import type { Endpoint } from '../../config/check-url.ts';
import type { ResolvedCheck } from '../../config/health.ts';
import { version } from '../../core/version.ts';
import { AnswerError } from './answer-error.ts';
import { Conversation, tlsOptions } from './conversation.ts';

/** Informational answers before the one that counts, and lines of theirs. */
const maxLines = 200;

/** A GET, spoken by hand as far as the status: nothing that hooks the clients of HTTP sees it, and the body is not waited for. */
export async function askHttp(endpoint: Endpoint, check: Pick<ResolvedCheck, 'verifyTls' | 'status'>, signal: AbortSignal): Promise<string> {
  const { tls, path, target, user, password } = endpoint;
  using line = await Conversation.open(endpoint, signal, tls ? { ...tlsOptions(endpoint, check.verifyTls), ALPNProtocols: ['http/1.1'] } : undefined);
  const authorization =
    user === undefined && password === undefined
      ? ''
      : `Authorization: Basic ${Buffer.from(`${user ?? ''}:${password ?? ''}`).toString('base64')}\r\n`;
  const host = target.server?.replace(/^https?:\/\//, '') ?? '';
  line.write(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nAccept: */*\r\nUser-Agent: otel-breaker/${version} (health check)\r\n${authorization}\r\n`,
  );
  for (let read = 0; read < maxLines; read += 1) {
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(await line.line())?.[1];
    if (status === undefined && read === 0) throw new AnswerError('what answers does not speak HTTP/1.1');
    if (status === undefined || (status.startsWith('1') && status !== '101')) continue;
    if (!isExpected(status, check.status)) throw new AnswerError(`answered ${status}`);
    return `GET ${status}`;
  }
  throw new AnswerError('the answer has no status');
}

function isExpected(status: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (/xx$/i.test(pattern) ? status[0] === pattern[0] : status === pattern));
}
