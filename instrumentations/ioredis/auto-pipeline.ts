import { policiesOf } from '../../src/policies/compose.ts';
import type { Registry } from '../../src/registry/registry.ts';
import type { ServerGroup } from '../shared/admission.ts';
import { callerContext, type InContext } from '../shared/caller-context.ts';
import type { Around } from '../shared/guard.ts';
import { canEnd, isolated } from './call.ts';
import { type ClientState, stateOf } from './client-state.ts';
import type { CommandClasses } from './command-class.ts';
import type { RegistrySource } from './send-command.ts';
import type { CommandLike, PipelineLike, RedisLike } from './types.ts';

/** What ioredis is told of the end of a pipeline. */
type Told = (error: unknown, results?: unknown) => unknown;

/**
 * With `enableAutoPipelining` a client sends the commands of one turn of the event loop as a pipeline. Nobody has asked for them to be one: to
 * their callers they are calls of their own, and so they are for policies. Whether this is such a pipeline, and any of its commands has some.
 */
export function goesApart(pipeline: PipelineLike, state: ClientState, group: ServerGroup, registry: Registry): boolean {
  // What is nearly always the answer comes first.
  if (!isQueueInUse(state) && !state.isWantedAtAll(group, registry)) return false;
  return isAutomatic(pipeline) && (isQueueInUse(state) || concerns(pipeline, state, group, registry));
}

function concerns({ _queue }: PipelineLike, state: ClientState, group: ServerGroup, registry: Registry): boolean {
  let last: string | undefined;
  for (const command of _queue) {
    const operation = state.classes.of(command);
    if (operation === undefined || operation === last || !state.isWanted(operation, group, registry)) continue;
    last = operation;
    // Of a Cluster the policies are those of the call, whatever the nodes' circuits do.
    const breaker = group.breaker(operation);
    if (!breaker.onlyWatches && policiesOf(breaker) !== undefined) return true;
  }
  return false;
}

/** Reads have to see what is queued, and everything its turn behind it. */
function isQueueInUse({ writes }: ClientState): boolean {
  return writes !== undefined && (!writes.slot.settled || !writes.line.isEmpty || (writes.queue?.depth ?? 0) > 0);
}

/** By what ioredis writes on those that it has made itself. In 4.x only the pipeline as a whole sees to it that the server knows its scripts. */
function isAutomatic(pipeline: PipelineLike): boolean {
  const marked = Object.getOwnPropertySymbols(pipeline).some(({ description }) => description === 'callbacks');
  return marked && !pipeline._queue.some(({ isCustomCommand }) => isCustomCommand === true);
}

/** Whose call a command is, where it is sent at the end of a turn of many. */
const contexts = new WeakMap<CommandLike, InContext>();

/** The guard of `pipeline`: where there are policies, each command is to be sent in the async context of its own caller. */
export function aroundPipeline(source: RegistrySource, classes: CommandClasses): Around {
  return (original, self, args) => {
    const pipeline = original(self, args) as PipelineLike;
    isolated(() => {
      const client = self as RedisLike;
      const state = stateOf(client, classes);
      if (!isQueueInUse(state) && !state.isWantedAtAll(state.group(client, source.registry), source.registry)) return;
      const { sendCommand } = pipeline;
      const value = function (this: PipelineLike, command: CommandLike): unknown {
        contexts.set(command, callerContext());
        return sendCommand.call(this, command);
      };
      Object.defineProperty(pipeline, 'sendCommand', { value, configurable: true, writable: true });
    });
    return pipeline;
  };
}

/**
 * Sends each command as a single one, in their order and in one piece, and tells ioredis that the pipeline has ended with promises of their
 * answers: what becomes of one keeps no other waiting.
 */
export function sendApart({ redis, _queue }: PipelineLike, told: unknown): void {
  const stream = redis.stream;
  stream?.cork?.();
  try {
    for (const command of _queue) {
      try {
        send(redis, command);
      } catch (error) {
        // It cannot be written, which keeps none of the others back.
        if (canEnd(command)) command.reject(error);
      }
    }
  } finally {
    stream?.uncork?.();
  }
  if (typeof told === 'function')
    (told as Told)(
      null,
      _queue.map(({ promise }) => [null, promise]),
    );
}

function send(redis: PipelineLike['redis'], command: CommandLike & { pipelineIndex?: number | undefined }): void {
  // A connection that is lost takes the rest of a pipeline with it.
  command.pipelineIndex = undefined;
  const inContext = contexts.get(command);
  if (inContext === undefined) redis.sendCommand(command);
  else inContext(() => redis.sendCommand(command));
}
