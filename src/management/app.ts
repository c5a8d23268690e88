import { IllegalTransitionError } from '../core/errors.ts';
import { reportFault } from '../core/fault.ts';
import type { AccessControl } from './access.ts';
import { type Answer, json, Refusal, refused, securityHeaders } from './answer.ts';
import { assetAnswer, noPage } from './assets.ts';
import { describe } from './openapi.ts';
import type { Asset, Assets } from './ports.ts';
import type { Request } from './request.ts';
import type { Context, Route } from './route.ts';
import { type Found, Routes } from './router.ts';

export interface AppParts {
  readonly routes: readonly Route[];
  readonly access: AccessControl;
  readonly page: (() => Promise<Assets>) | undefined;
}

/** Answers requests: knows no socket, so that a test can ask it by hand. Never throws. */
export class App {
  readonly routes: readonly Route[];
  readonly #router: Routes;
  readonly #access: AccessControl;
  readonly #page: (() => Promise<Assets>) | undefined;
  #assets: Promise<Assets> | undefined;
  #description: string | undefined;

  constructor({ routes, access, page }: AppParts) {
    const openapi: Route = {
      method: 'GET',
      path: '/openapi.json',
      id: 'openapi',
      summary: 'This description',
      access: 'open',
      answers: { 200: { type: 'application/json', description: 'OpenAPI 3.1' } },
      handle: () => {
        this.#description ??= JSON.stringify(describe(this.routes));
        return { ...json(null), body: this.#description };
      },
    };
    this.routes = [...routes, openapi];
    this.#router = new Routes(this.routes);
    this.#access = access;
    this.#page = page;
  }

  async handle(request: Request): Promise<Answer> {
    let answer: Answer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      answer = refused(refusalOf(error));
    }
    return { ...answer, headers: { ...securityHeaders, ...answer.headers } };
  }

  async #answer(request: Request): Promise<Answer> {
    this.#access.checkOrigin(request);
    const { method, url } = request;
    if (!url.startsWith('/')) throw new Refusal(400, 'bad_request', 'the address of a request begins with /');
    const [path = '/', search = ''] = url.split(/\?(.*)/s);
    const found = this.#router.find(method === 'HEAD' ? 'GET' : method, path);
    if (found !== undefined) return this.#run(found, request, search);
    const asset = await this.#asset(path);
    const allowed = asset === undefined ? this.#router.allowed(path) : ['GET', 'HEAD', 'OPTIONS'];
    if (allowed.length === 0) throw new Refusal(404, 'not_found', `nothing is at ${path.slice(0, 200)}; /openapi.json says what there is`);
    const allow = { allow: allowed.join(', ') };
    if (method === 'OPTIONS') return { status: 204, headers: allow, body: '' };
    if (asset === undefined || (method !== 'GET' && method !== 'HEAD'))
      throw new Refusal(405, 'method_not_allowed', `${method.slice(0, 20)} is not possible here; possible are ${allow.allow}`, allow);
    return assetAnswer(asset, request);
  }

  async #run({ route, params }: Found, request: Request, search: string): Promise<Answer> {
    const identity = this.#access.authorize(request, route.access);
    const context: Context = {
      request,
      params,
      query: new URLSearchParams(search),
      actor: identity?.name ?? '',
      sees: route.access !== 'open' || this.#access.sees(request),
    };
    const answer = await route.handle(context);
    // Somebody who asks only for the head shall not hold a stream.
    return request.method === 'HEAD' && answer.stream !== undefined ? { ...answer, body: '', stream: (sink) => sink.end() } : answer;
  }

  async #asset(path: string): Promise<Asset | undefined> {
    if (this.#page === undefined) return path === '/' ? noPage : undefined;
    this.#assets ??= this.#page();
    try {
      return (await this.#assets).get(path);
    } catch (error) {
      // To be tried again by the next.
      this.#assets = undefined;
      throw error;
    }
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof IllegalTransitionError) return new Refusal(409, 'conflict', error.message);
  reportFault(error, 'the management server');
  return new Refusal(500, 'internal', 'a fault of otel-breaker; the log of the service says more');
}
