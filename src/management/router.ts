import { createRequire } from 'node:module';
import type { Route } from './route.ts';

const load = createRequire(import.meta.url);

/** Longer than any name of a breaker, encoded. */
const maxParamLength = 2_048;

export interface Found {
  readonly route: Route;
  readonly params: Readonly<Record<string, string | undefined>>;
}

/** Finds routes: Fastify's own router, which needs no framework around it. */
export class Routes {
  readonly #router: import('find-my-way').Instance<import('find-my-way').HTTPVersion.V1>;

  constructor(routes: readonly Route[]) {
    const findMyWay = load('find-my-way') as typeof import('find-my-way');
    this.#router = findMyWay({ maxParamLength, caseSensitive: true });
    for (const route of routes) this.#router.on(route.method, route.path, () => undefined, route);
  }

  find(method: string, path: string): Found | undefined {
    if (method !== 'GET' && method !== 'POST') return undefined;
    // Nothing is found by a path that cannot be decoded.
    const found = this.#router.find(method, path);
    return found === null ? undefined : { route: found.store as Route, params: found.params };
  }

  /** The methods that a path has. */
  allowed(path: string): string[] {
    const known = ['GET', 'POST'].filter((method) => this.find(method, path) !== undefined);
    if (known.length === 0) return [];
    return [...known.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])), 'OPTIONS'];
  }
}
