import type { Around } from '../shared/guard.ts';
import { classifyRedisError } from './classify.ts';
import { stateOf } from './client-state.ts';
import type { CommandClasses } from './command-class.ts';
import { noteArranging } from './hold.ts';
import { closeHung, closeWaiting, endTrial, releaseForgotten } from './release.ts';
import type { RegistrySource } from './send-command.ts';
import type { RedisLike } from './types.ts';

// What a client learns about its server apart from any command. Its events would tell, too, but a listener for 'error'
// would silence the client's "Unhandled error event" message, and any listener can be counted.

/** The guard of `Redis.prototype.silentEmit`, which carries every error of the connection. */
export function aroundSilentEmit(source: RegistrySource, classes: CommandClasses): Around {
  return (original, self, args) => {
    const client = self as RedisLike;
    if (args[0] === 'error' && client.manuallyClosing !== true && client.status !== 'end') {
      const state = stateOf(client, classes);
      if (!state.closing && classifyRedisError(args[1]).ofConnection) {
        const group = state.group(client, source.registry);
        if (!state.isStarting(source.registry)) group.fault(args[1]);
        endTrial(client, state, group);
      }
    }
    return original(self, args);
  };
}

/** The guard of `Redis.prototype.setStatus`. */
export function aroundSetStatus(source: RegistrySource, classes: CommandClasses): Around {
  return (original, self, args) => {
    const client = self as RedisLike;
    const state = stateOf(client, classes);
    switch (args[0]) {
      case 'connecting':
        state.closing = false;
        state.closed = false;
        state.isStarting(source.registry);
        break;
      case 'connect':
        noteArranging(state);
        releaseForgotten(client);
        state.connected(client);
        break;
      case 'ready':
        noteArranging(state);
        state.ready();
        state.onTrial = false;
        state.group(client, source.registry).reached(client.options.enableReadyCheck !== false);
        // Once the client has put its connection in order.
        if (state.replay !== undefined) queueMicrotask(() => state.replay?.back());
        break;
      case 'end':
        closeHung(state);
        break;
      case 'close':
        state.inTransaction = false;
        if (state.onTrial) endTrial(client, state, state.group(client, source.registry));
        break;
    }
    return original(self, args);
  };
}

/** The guard of `Redis.prototype.disconnect`. */
export function aroundDisconnect(classes: CommandClasses): Around {
  return (original, self, args) => {
    const [reconnect] = args;
    if (reconnect) return original(self, args);
    const client = self as RedisLike;
    const state = stateOf(client, classes);
    state.closing = true;
    // There is no connection whose end would end it.
    const ends = client.status !== 'reconnecting';
    const answered = original(self, args);
    if (ends) return answered;
    state.closed = true;
    closeHung(state);
    closeWaiting(client);
    return answered;
  };
}
