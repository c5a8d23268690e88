import type { Clock } from '../core/clock.ts';
import { isHostAllowed, partyOf } from './addresses.ts';
import { Refusal } from './answer.ts';
import { RateLimit } from './rate-limit.ts';
import { header, type Request } from './request.ts';
import type { Identity, Tokens } from './tokens.ts';

/** `open`: says nothing of the system. `read`: needs a token off loopback. `admin`: always needs one. */
export type Access = 'open' | 'read' | 'admin';

export interface AccessOptions {
  readonly tokens: Tokens;
  /** The address that is listened at. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  /** Only this machine reaches it. */
  readonly private: boolean;
}

/** Wrong tokens from one address: ten, then one in six seconds. */
const failures = { burst: 10, everyMs: 6_000 };
/** What one token may do: twenty at once, then one a second. */
const actions = { burst: 20, everyMs: 1_000 };

const setToken = 'set OTEL_BREAKER_ADMIN_TOKEN=name:secret for the service and start it again';

/** Decides who may ask for what. */
export class AccessControl {
  readonly #options: AccessOptions;
  readonly #failures: RateLimit;
  readonly #actions: RateLimit;

  constructor(clock: Clock, options: AccessOptions) {
    this.#options = options;
    this.#failures = new RateLimit(clock, failures);
    this.#actions = new RateLimit(clock, actions);
  }

  /** @throws Refusal for requests that another site's page has made */
  checkOrigin(request: Request): void {
    const { host, allowedHosts } = this.#options;
    const name = header(request, 'host');
    if (!isHostAllowed(name, host, allowedHosts)) {
      const said = name === undefined ? 'the Host header is missing' : `this is not the host '${name.slice(0, 100)}'`;
      throw new Refusal(403, 'forbidden_host', `${said}; names under which it is reached are listed in management.allowedHosts`);
    }
    const origin = header(request, 'origin');
    const foreign = origin !== undefined && origin.replace(/^https?:\/\//, '').toLowerCase() !== name?.toLowerCase();
    const changes = request.method !== 'GET' && request.method !== 'HEAD';
    // Browsers say so even where they send no origin; following a link is no harm.
    const embedded = header(request, 'sec-fetch-site') === 'cross-site' && header(request, 'sec-fetch-mode') !== 'navigate';
    if ((foreign && changes) || embedded) throw new Refusal(403, 'forbidden_origin', 'requests from pages of other sites are refused');
  }

  /**
   * Who asks; `undefined` where nobody has to say.
   * @throws Refusal when it is not allowed
   */
  authorize(request: Request, access: Access): Identity | undefined {
    const { tokens } = this.#options;
    if (access === 'open' || (access === 'read' && this.#options.private)) return undefined;
    if (access === 'admin' && !tokens.admin) throw new Refusal(403, 'admin_disabled', `there is no admin token: ${setToken}`);
    const identity = this.#identify(request);
    if (access === 'read') return identity;
    if (identity.role !== 'admin') throw new Refusal(403, 'unauthorized', `the token '${identity.name}' may read, but control nothing`);
    this.#limit(this.#actions, identity.name, 'too many admin requests');
    this.#actions.take(identity.name);
    return identity;
  }

  /** Whether a request without need of a token has a right to details. */
  sees(request: Request): boolean {
    if (this.#options.private) return true;
    return this.#bearer(request) !== undefined && this.#tryIdentify(request) !== undefined;
  }

  #identify(request: Request): Identity {
    const party = partyOf(request.remote);
    // Asked before the comparison: else whoever guesses would see at which guess the answer changes.
    this.#limit(this.#failures, party, 'too many wrong tokens from this address');
    const secret = this.#bearer(request);
    const identity = secret === undefined ? undefined : this.#options.tokens.identify(secret);
    if (identity !== undefined) return identity;
    if (secret !== undefined) this.#failures.take(party);
    const said = secret === undefined ? 'this needs a token: send Authorization: Bearer <secret>' : 'the token is not known';
    throw new Refusal(401, 'unauthorized', said, { 'www-authenticate': 'Bearer realm="otel-breaker"' });
  }

  #tryIdentify(request: Request): Identity | undefined {
    try {
      return this.#identify(request);
    } catch {
      return undefined;
    }
  }

  #bearer(request: Request): string | undefined {
    return /^Bearer +([\x21-\x7e]{1,512}) *$/i.exec(header(request, 'authorization') ?? '')?.[1];
  }

  #limit(limit: RateLimit, key: string, what: string): void {
    const waitMs = limit.waitMs(key);
    if (waitMs === 0) return;
    const seconds = Math.ceil(waitMs / 1_000);
    throw new Refusal(429, 'too_many_requests', `${what}; try again in ${seconds} s`, { 'retry-after': String(seconds) });
  }
}
