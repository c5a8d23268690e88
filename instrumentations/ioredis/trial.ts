import type { ServerGroup } from '../shared/admission.ts';
import { isolated } from './call.ts';
import type { ClientState } from './client-state.ts';
import { redisAnswerMs } from './defaults.ts';
import { releaseWaiting } from './release.ts';
import { type Admission, admit } from './settle.ts';
import type { RedisLike } from './types.ts';

const connecting: ReadonlySet<string> = new Set(['wait', 'connecting', 'connect']);

/**
 * An admission for one call of a class of operation, or the refusal. A circuit that is open because connections were
 * refused has nothing to say of one that is just being made: calls of a client that is connecting wait in its queue, as
 * they would without us, until the attempt succeeds, which closes the circuit, or fails, which refuses them. A server that
 * was away for a moment is thus of use at once to whoever connects to it.
 */
export function admitFor(client: RedisLike, state: ClientState, group: ServerGroup, operation: string): Admission | Error {
  const breaker = group.breaker(operation);
  const mayWait = group.refusing && connecting.has(client.status) && client.options.enableOfflineQueue !== false;
  if (!mayWait || breaker.state !== 'open') return admit(state, group, operation);
  if (!state.onTrial) {
    state.onTrial = true;
    breaker.clock.setTimer(() => endTrial(client, state, group), redisAnswerMs);
  }
  return { breaker, permit: undefined, group, state };
}

/** The attempt to connect has failed, or takes too long. */
export function endTrial(client: RedisLike, state: ClientState, group: ServerGroup): void {
  if (!state.onTrial) return;
  state.onTrial = false;
  isolated(() => releaseWaiting(client, group, 'refused'));
}
