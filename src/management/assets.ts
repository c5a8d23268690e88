import { createHash } from 'node:crypto';
import type { Answer } from './answer.ts';
import type { Asset } from './ports.ts';
import { header, type Request } from './request.ts';

/** Where there is no page. */
export const noPage: Asset = {
  contentType: 'text/html; charset=utf-8',
  body: '<!doctype html><html lang="en"><title>otel-breaker</title><h1>otel-breaker</h1><ul><li><a href="/health">health</a><li><a href="/health/circuit-breakers">circuit breakers</a><li><a href="/metrics">metrics</a><li><a href="/openapi.json">all that can be asked</a></ul></html>',
};

/** What an asset is on its way: as it is, or compressed. Made once. */
interface Shipped {
  readonly body: string | Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

const plain = new WeakMap<Asset, Shipped>();
const compressed = new WeakMap<Asset, Shipped>();

export async function assetAnswer(asset: Asset, request: Request): Promise<Answer> {
  const { headers, body } = acceptsGzip(request) ? await zip(asset) : ship(asset);
  return header(request, 'if-none-match') === headers['etag'] ? { status: 304, headers, body: '' } : { status: 200, headers, body };
}

/** Every browser does; `;q=0` says no. */
function acceptsGzip(request: Request): boolean {
  return /(?:^|,)\s*gzip\s*(?:;\s*q=(?:1|0?\.0*[1-9])[\d.]*\s*)?(?:,|$)/i.test(header(request, 'accept-encoding') ?? '');
}

function ship(asset: Asset): Shipped {
  const known = plain.get(asset);
  if (known !== undefined) return known;
  const { contentType, body, immutable } = asset;
  const headers = {
    'content-type': contentType,
    // Of no secret, and the same for everybody; asked for anew each time unless its name says which one it is.
    'cache-control': immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    vary: 'accept-encoding',
    etag: tagOf(body),
  };
  plain.set(asset, { headers, body });
  return { headers, body };
}

async function zip(asset: Asset): Promise<Shipped> {
  const known = compressed.get(asset);
  if (known !== undefined) return known;
  // Only whoever opens the page pays for it.
  const { gzipSync } = await import('node:zlib');
  const body = gzipSync(asset.body, { level: 9 });
  const made = { body, headers: { ...ship(asset).headers, 'content-encoding': 'gzip', etag: tagOf(body) } };
  compressed.set(asset, made);
  return made;
}

function tagOf(body: string | Uint8Array): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
}
