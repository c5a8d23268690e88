import { type Around, type Before, type Guard, guardMethod } from '../shared/guard.ts';
import { aroundPipeline } from './auto-pipeline.ts';
import { aroundClusterCommand, aroundClusterStatus } from './cluster.ts';
import type { CommandClasses } from './command-class.ts';
import { aroundDisconnect, aroundSetStatus, aroundSilentEmit } from './connection.ts';
import { aroundPipelineExec } from './pipeline.ts';
import { beforeSendCommand, type RegistrySource } from './send-command.ts';

/** How a method is guarded: for all who call it, or for some. */
export type GuardMethod = (owner: object, name: PropertyKey, around: Around | Before) => Guard;

/** Guards the class of clients. @param guard other than the plain one where only some of its instances are to be guarded */
export function guardClient(prototype: object, classes: CommandClasses, source: RegistrySource, guard: GuardMethod = guardMethod): Guard[] {
  return [
    guard(prototype, 'sendCommand', beforeSendCommand(source, classes)),
    guard(prototype, 'silentEmit', aroundSilentEmit(source, classes)),
    guard(prototype, 'setStatus', aroundSetStatus(source, classes)),
    guard(prototype, 'pipeline', aroundPipeline(source, classes)),
    guard(prototype, 'disconnect', aroundDisconnect(classes)),
  ];
}

/** Guards the class of pipelines and transactions. */
export function guardPipeline(prototype: object, classes: CommandClasses, source: RegistrySource, guard: GuardMethod = guardMethod): Guard[] {
  return [guard(prototype, 'exec', aroundPipelineExec(source, classes))];
}

/** Guards the class of clusters; their nodes are clients. */
export function guardCluster(prototype: object, classes: CommandClasses, source: RegistrySource, guard: GuardMethod = guardMethod): Guard[] {
  return [
    guard(prototype, 'sendCommand', aroundClusterCommand(source, classes)),
    guard(prototype, 'setStatus', aroundClusterStatus(source, classes)),
    guard(prototype, 'pipeline', aroundPipeline(source, classes)),
  ];
}
