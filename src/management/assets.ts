import { createHash } from 'node:crypto';
import type { Answer } from './answer.ts';
import type { Asset } from './ports.ts';

/** Where there is no page. */
export const noPage: Asset = {
  contentType: 'text/html; charset=utf-8',
  body: '<!doctype html><html lang="en"><title>otel-breaker</title><h1>otel-breaker</h1><ul><li><a href="/health">health</a><li><a href="/health/circuit-breakers">circuit breakers</a><li><a href="/metrics">metrics</a><li><a href="/openapi.json">all that can be asked</a></ul></html>',
};

const tags = new WeakMap<Asset, string>();

export function assetAnswer(asset: Asset, known: string | undefined): Answer {
  const { contentType, body, immutable } = asset;
  const etag = tagOf(asset);
  const headers = {
    'content-type': contentType,
    // Of no secret, and the same for everybody; asked for anew each time unless its name says which one it is.
    'cache-control': immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag,
  };
  return known === etag ? { status: 304, headers, body: '' } : { status: 200, headers, body };
}

function tagOf(asset: Asset): string {
  const known = tags.get(asset);
  if (known !== undefined) return known;
  const tag = `"${createHash('sha256').update(asset.body).digest('base64url').slice(0, 22)}"`;
  tags.set(asset, tag);
  return tag;
}
