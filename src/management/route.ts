import type { ObjectSchema } from '../core/schema.ts';
import type { Access } from './access.ts';
import type { Answer } from './answer.ts';
import type { Request } from './request.ts';
import type { SchemaName } from './schemas.ts';

/** What a route's handler is given. */
export interface Context {
  readonly request: Request;
  /** Decoded. */
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: URLSearchParams;
  /** The token's name; '' where none was needed. */
  readonly actor: string;
  /** Whether details may be told. */
  readonly sees: boolean;
}

/** What is answered: the name of a schema, or the type of something else. */
export interface RouteAnswer {
  readonly schema?: SchemaName;
  readonly type?: string;
  readonly description: string;
}

/** A route and its description: what is routed and what OpenAPI says of it are one table. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** As `/health/circuit-breakers/:name`. */
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly access: Access;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: ObjectSchema;
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  handle(context: Context): Answer | Promise<Answer>;
}
