import type { Around } from '../shared/guard.ts';
import { type Call, isolated, onEnding, setCall } from './call.ts';
import { stateOf } from './client-state.ts';
import { Batch } from './cluster-batch.ts';
import type { CommandClasses } from './command-class.ts';
import { expectResend, scriptKey } from './resend.ts';
import type { RegistrySource } from './send-command.ts';
import { type Admission, settleBatch, settleError } from './settle.ts';
import { admitFor } from './trial.ts';
import type { PipelineLike } from './types.ts';

/** Pipelines that were refused: sending the queue of one later would carry out what its caller was told had failed. */
const refused = new WeakSet<object>();
const underWay = new WeakSet<object>();

/**
 * The guard of `Pipeline.prototype.exec`: all or nothing, under one admission of the weightiest class in it. Refusing one
 * command of a pipeline would hang it and desynchronise the connection.
 */
export function aroundPipelineExec(source: RegistrySource, classes: CommandClasses): Around {
  return (original, self, args) => {
    const pipeline = self as PipelineLike;
    if (refused.has(pipeline)) return pipeline.promise;
    // Within MULTI this call only queues the EXEC.
    if (pipeline._transactions > 0 || underWay.has(pipeline)) return original(self, args);
    const operation = classes.ofBatch(pipeline._queue);
    if (operation === undefined) return original(self, args);
    if (pipeline.isCluster) {
      new Batch(pipeline._queue, operation);
      return original(self, args);
    }
    const state = stateOf(pipeline.redis, classes);
    if (state.inTransaction) return original(self, args);
    const admission = admitFor(pipeline.redis, state, state.group(pipeline.redis, source.registry), operation);
    if (admission instanceof Error) return refuse(pipeline, admission, args[0]);
    new PipelineCall(pipeline, admission);
    return original(self, args);
  };
}

/** An admitted pipeline: it ends as one, by the `resolve` and `reject` of its promise. */
class PipelineCall implements Call {
  readonly admission: Admission;
  readonly indivisible = false;
  readonly #pipeline: PipelineLike;
  #open = true;

  constructor(pipeline: PipelineLike, admission: Admission) {
    this.#pipeline = pipeline;
    this.admission = admission;
    underWay.add(pipeline);
    for (const command of pipeline._queue) {
      setCall(command, this);
      if (scriptKey(command) === undefined) continue;
      onEnding(command, { resolved: () => undefined, rejected: (error) => void expectResend(admission.state, command, error, undefined) });
    }
    const { resolve, reject } = pipeline;
    pipeline.resolve = (results) => {
      this.#end(() => settleBatch(admission, errorsIn(results), results));
      resolve.call(pipeline, results);
    };
    pipeline.reject = (error) => {
      this.#end(() => settleError(admission, error));
      reject.call(pipeline, error);
    };
  }

  /** Once for the whole pipeline, at the first of its commands. */
  release(error: Error, gone: boolean): void {
    if (!this.#open) return;
    this.#end(() => this.admission.permit?.fail(error));
    rejectAll(this.#pipeline, error, gone);
  }

  #end(settle: () => void): void {
    underWay.delete(this.#pipeline);
    if (this.#open) isolated(settle);
    this.#open = false;
  }
}

function errorsIn(results: unknown): unknown[] {
  return Array.isArray(results)
    ? results.map((result: unknown[] | undefined) => result?.[0]).filter((error) => error !== null && error !== undefined)
    : [];
}

/** Nothing is sent. */
function refuse(pipeline: PipelineLike, error: Error, callback: unknown): Promise<unknown> {
  if (typeof callback === 'function') {
    // As `standard-as-callback`, which ioredis uses: what a callback throws is nobody's rejection.
    pipeline.promise.then(undefined, (reason: unknown) => {
      try {
        callback(reason);
      } catch (thrown) {
        setTimeout(() => {
          throw thrown;
        }, 0);
      }
    });
  }
  rejectAll(pipeline, error, true);
  return pipeline.promise;
}

/** Rejects a pipeline, and each of its commands, which may have callbacks of their own, unless the client still waits for them. */
function rejectAll(pipeline: PipelineLike, error: Error, gone: boolean): void {
  refused.add(pipeline);
  pipeline.reject(error);
  if (!gone) return;
  pipeline.replyPending = pipeline._queue.length;
  for (const command of pipeline._queue) command.reject(error);
}
