import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type * as Undici from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { HttpAdmission } from '../../instrumentations/fetch/admission.ts';
import { guardGlobalFetch } from '../../instrumentations/fetch/global-fetch.ts';
import { RequestObserver } from '../../instrumentations/fetch/request-observer.ts';
import { undiciHook } from '../../instrumentations/fetch/undici-dispatch.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { type OddServer, startOddServer } from './fetch-odd-server.ts';
import { seen } from './fetch-seen.ts';
import { type Scenario, scenarios } from './fetch-undici-scenarios.ts';

// Everything a caller can do with npm undici, once without and once with us: what he sees must be the same.

const require = createRequire(import.meta.url);
const nodeMajor = Number(process.versions.node.split('.')[0]);
const versions = ['undici6', 'undici', ...(nodeMajor >= 24 ? ['undici8'] : [])];

let server: OddServer;
beforeAll(async () => {
  Error.stackTraceLimit = 50;
  server = await startOddServer();
});
afterAll(() => server[Symbol.asyncDispose]());

describe.each(versions)('a caller of %s sees the same with us as without:', (version) => {
  it.each(Object.keys(scenarios))('%s', async (name) => {
    const undici = require(version) as typeof Undici;
    const entry = scenarios[name] as Scenario | [number, Scenario];
    const [admissions, scenario] = Array.isArray(entry) ? entry : [1, entry];
    const registry = createRegistry();
    const results: unknown[] = [];
    for (const guarded of [false, true]) {
      const undo = guarded ? guardAll(version, () => registry) : () => undefined;
      results.push(await seen(() => scenario(undici, server.url)));
      undo();
    }
    expect(results[1]).toEqual(results[0]);
    await vi.waitFor(() => expect(registry.get(server.url).inFlight).toBe(0), { timeout: 2_000, interval: 10 });
    const { calls } = registry.get(server.url).snapshot();
    expect(Object.values(calls).reduce((sum, count) => sum + count, 0)).toBe(admissions);
  });
});

function guardAll(version: string, registry: () => ReturnType<typeof createRegistry>): () => void {
  const manifest = require.resolve(`${version}/package.json`);
  const loaded = { file: '', version: (require(manifest) as { version: string }).version, directory: dirname(manifest) };
  const admission = new HttpAdmission(registry);
  const observer = new RequestObserver();
  const undo = [
    () => observer.stop(),
    undiciHook(admission, observer).patch(require(`${version}/lib/dispatcher/dispatcher-base.js`), loaded) ?? (() => undefined),
    guardGlobalFetch(admission, observer),
  ];
  return () => {
    for (const each of undo.reverse()) each();
  };
}
