import type { Breaker } from '../../src/breaker/breaker.ts';
import type { AcquireOptions } from '../../src/breaker/environment.ts';
import type { ServerGroup } from '../shared/admission.ts';
import type { ClientState } from './client-state.ts';
import { beginTrial, mayWait } from './release.ts';
import { Admission, admit } from './settle.ts';
import type { RedisLike } from './types.ts';

/**
 * An admission for one call of a class of operation, or the refusal. A circuit that is open because connections were
 * refused has nothing to say of one that is just being made: calls of a client that is connecting wait in its queue, as
 * they would without us, until the attempt succeeds, which closes the circuit, or fails, which refuses them. A server that
 * was away for a moment is thus of use at once to whoever connects to it.
 */
export function admitFor(
  client: RedisLike,
  state: ClientState,
  group: ServerGroup,
  operation: string,
  breaker: Breaker = group.breaker(operation),
  heeds?: AcquireOptions,
): Admission | Error {
  if (!group.refusing || !mayWait(client) || breaker.state !== 'open') return admit(state, group, operation, breaker, heeds);
  beginTrial(client, state, group, breaker.clock);
  return new Admission(breaker, undefined, group, state);
}
