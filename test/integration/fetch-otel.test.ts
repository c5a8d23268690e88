import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { repository, type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

interface SeenSpan {
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

const preload = (file: string): string => pathToFileURL(join(repository, 'test/integration/apps', file)).href;
const ours = preload('fetch-preload-guard.ts');
const theirs = preload('fetch-preload-otel.mjs');

let upstream: HttpUpstreamHandle;
beforeAll(async () => {
  upstream = await startHttpUpstream();
});
afterAll(() => upstream.stop());

describe.each(['fetch-app.mjs', 'fetch-app.cjs'])("OpenTelemetry's spans in %s", (file) => {
  it.each([
    ['set up after us', [ours, theirs]],
    ['set up before us', [theirs, ours]],
  ])('are neither lost nor doubled, %s; a refusal makes none', async (_order, preloads) => {
    await using app: SpawnedApp = await spawnApp(file, { imports: ['tsx', ...preloads] });
    for (const way of ['fetch', 'request']) {
      await app.get(way, `${upstream.url}/${way}`);
      const spans = await app.get<SeenSpan[]>('observed');
      expect(spans.map(({ name, attributes }) => [name, attributes['url.path'], attributes['http.response.status_code']])).toEqual([
        ['GET', `/${way}`, 200],
      ]);
    }
    expect(await app.get('guard', 'counts', upstream.url)).toMatchObject({ success: 2, failure: 0 });

    await app.get('guard', 'forceOpen', upstream.url);
    for (const way of ['fetch', 'request']) {
      expect(await app.call(way, upstream.url)).toMatchObject({ ok: false, error: { name: 'BreakerOpenError', code: 'EBREAKEROPEN' } });
    }
    expect(await app.get('observed')).toEqual([]);

    await app.get('guard', 'disable');
    for (const way of ['fetch', 'request']) {
      await app.get(way, upstream.url);
      expect(await app.get<SeenSpan[]>('observed')).toHaveLength(1);
    }
  });
});
