import type { Injection } from '../../src/breaker/injection.ts';
import type { Bulkhead } from '../../src/policies/bulkhead.ts';
import { overtaken } from '../../src/policies/limits.ts';
import type { Around, Original } from '../shared/guard.ts';
import { goesApart, sendApart } from './auto-pipeline.ts';
import { type Entry, enterBatch } from './batch-entry.ts';
import { type Call, callOf, canEnd, isolated, onEnding, setCall } from './call.ts';
import { type ClientState, stateOf } from './client-state.ts';
import { Batch } from './cluster-batch.ts';
import type { CommandClasses } from './command-class.ts';
import { limitTime } from './deadlines.ts';
import { holdBack, holdsBack } from './hold.ts';
import { HungCall } from './injected.ts';
import { selectedBy } from './queue-replay.ts';
import { elsewhere } from './redis-call.ts';
import { expectResend, scriptKey } from './resend.ts';
import type { RegistrySource } from './send-command.ts';
import { type Admission, heedsFaults, settleBatch, settleError } from './settle.ts';
import { admitFor } from './trial.ts';
import type { PipelineLike } from './types.ts';
import { isElsewhere, wayHome } from './way-home.ts';

/** Pipelines that were refused: sending the queue of one later would carry out what its caller was told had failed. */
const refused = new WeakSet<object>();
const underWay = new WeakSet<object>();
/** For a place, or for writes that come first. */
const waiting = new WeakSet<object>();

/**
 * The guard of `Pipeline.prototype.exec`: all or nothing, under one admission of the weightiest class in it. Refusing one
 * command of a pipeline would hang it and desynchronise the connection.
 */
export function aroundPipelineExec(source: RegistrySource, classes: CommandClasses): Around {
  const exec: Around = (original, self, args) => {
    const pipeline = self as PipelineLike;
    if (refused.has(pipeline)) return pipeline.promise;
    // Within MULTI this call only queues the EXEC.
    if (pipeline._transactions > 0 || underWay.has(pipeline)) return original(self, args);
    if (waiting.has(pipeline)) return pipeline.promise;
    const operation = classes.ofBatch(pipeline._queue);
    if (operation === undefined) return original(self, args);
    const state = stateOf(pipeline.redis, classes);
    const group = state.group(pipeline.redis, source.registry);
    if (goesApart(pipeline, state, group, source.registry)) {
      sendApart(pipeline, args[0]);
      return pipeline.promise;
    }
    if (pipeline.isCluster) {
      return sendBatch(new Batch(pipeline._queue, operation), original, self, args);
    }
    if (holdsBack(state)) return goAfterwards(exec, original, pipeline, args, state);
    if (state.inTransaction) return original(self, args);
    const breaker = group.breaker(operation);
    if (state.closed) return original(self, args);
    const send = (entry: Entry): unknown => {
      if (entry instanceof Error) return refuse(pipeline, entry, args[0]);
      const admission = admitFor(pipeline.redis, state, group, operation, breaker, heedsFaults);
      if (!(admission instanceof Error)) {
        const injection = admission.permit?.injection;
        if (injection?.kind === 'hang') return hang(pipeline, admission, injection, entry, args[0]);
        const call = new PipelineCall(pipeline, admission, entry);
        try {
          return original(self, args);
        } catch (error) {
          isolated(() => call.abandon());
          throw error;
        }
      }
      entry?.leave();
      return refuse(pipeline, admission, args[0]);
    };
    const entry = enterBatch(breaker, state, pipeline, operation);
    if (!(entry instanceof Promise)) return send(entry);
    waiting.add(pipeline);
    const sendNow = (entered: Entry): void => {
      waiting.delete(pipeline);
      send(entered);
    };
    const db = selectedBy(pipeline.redis);
    entry
      .then(async (entered) => {
        if (entered instanceof Error || !isElsewhere(pipeline.redis, state, db)) return sendNow(entered);
        if (entered !== undefined && !breaker.onlyWatches) {
          entered.leave();
          return sendNow(overtaken(breaker, elsewhere));
        }
        const way = wayHome(breaker, pipeline.redis, state, db);
        way.catch(() => entered?.leave());
        (await way)(() => sendNow(entered));
      })
      .catch((error: Error) => {
        waiting.delete(pipeline);
        refuse(pipeline, error, args[0]);
      });
    return pipeline.promise;
  };
  return exec;
}

/** When the queue of its server's writes is open, after what was given before it. */
function goAfterwards(exec: Around, original: Original, pipeline: PipelineLike, args: readonly unknown[], state: ClientState): Promise<unknown> {
  waiting.add(pipeline);
  holdBack(state, () => {
    waiting.delete(pipeline);
    try {
      const answered = exec(original, pipeline, args);
      if (answered !== pipeline.promise && answered instanceof Promise) answered.catch(() => undefined);
    } catch (error) {
      // Its caller has his promise by now.
      refuse(pipeline, error as Error, args[0]);
    }
  });
  return pipeline.promise;
}

/** A command that cannot be written ends the sending, and no other command of the batch. */
function sendBatch(batch: Batch, original: Original, self: unknown, args: readonly unknown[]): unknown {
  try {
    return original(self, args);
  } catch (error) {
    isolated(() => batch.abandon());
    throw error;
  }
}

/** An admitted pipeline: it ends as one, by the `resolve` and `reject` of its promise. */
class PipelineCall implements Call {
  readonly admission: Admission;
  readonly indivisible = false;
  readonly #pipeline: PipelineLike;
  readonly #place: Bulkhead | undefined;
  readonly #deadlines: ReturnType<typeof limitTime>;
  #open = true;

  constructor(pipeline: PipelineLike, admission: Admission, place: Bulkhead | undefined) {
    this.#pipeline = pipeline;
    this.#place = place;
    this.admission = admission;
    this.#deadlines = limitTime(this, pipeline.redis, admission.breaker.options.policies?.totalTimeoutMs);
    underWay.add(pipeline);
    for (const command of pipeline._queue) {
      setCall(command, this);
      if (scriptKey(command) === undefined || !canEnd(command)) continue;
      onEnding(command, { resolved: () => undefined, rejected: (error) => void expectResend(admission.state, command, error, undefined) });
    }
    const { resolve, reject } = pipeline;
    pipeline.resolve = (results) => {
      this.#end(() => settleBatch(admission, errorsIn(results), results));
      resolve.call(pipeline, results);
    };
    // Sent at once, and answered later.
    const injection = admission.permit?.injection;
    const answer = pipeline.resolve;
    if (injection !== undefined) pipeline.resolve = (results) => void injection.delay(() => answer.call(pipeline, results));
    pipeline.reject = (error) => {
      this.#end(() => settleError(admission, error));
      reject.call(pipeline, error);
    };
  }

  get size(): number {
    return this.#pipeline._queue.length;
  }

  /** Once for the whole pipeline, at the first of its commands. */
  release(error: Error, gone: boolean): void {
    if (!this.#open) return;
    this.#end(() => this.admission.permit?.fail(error));
    rejectAll(this.#pipeline, error, gone);
  }

  cancel(): void {
    this.#end(() => this.admission.permit?.cancel());
  }

  /** One of its commands could not be sent: what ioredis makes of the others by now, nobody can tell. */
  abandon(): void {
    for (const command of this.#pipeline._queue) if (callOf(command) === this) setCall(command, undefined);
    this.#end(() => this.admission.permit?.ignore());
  }

  #end(settle: () => void): void {
    underWay.delete(this.#pipeline);
    if (!this.#open) return;
    this.#open = false;
    this.#deadlines?.delete(this);
    isolated(settle);
    this.#place?.leave();
  }
}

function errorsIn(results: unknown): unknown[] {
  const errors: unknown[] = [];
  if (!Array.isArray(results)) return errors;
  for (const result of results as (unknown[] | undefined)[]) {
    const error = result?.[0];
    if (error !== null && error !== undefined) errors.push(error);
  }
  return errors;
}

/** Nothing is sent, and its caller waits. */
function hang(pipeline: PipelineLike, admission: Admission, injection: Injection, place: Bulkhead | undefined, callback: unknown): Promise<unknown> {
  waiting.add(pipeline);
  new HungCall({
    client: pipeline.redis,
    admission,
    injection,
    totalMs: admission.breaker.options.policies?.totalTimeoutMs,
    reject: (error) => void refuse(pipeline, error as Error, callback),
    over: () => {
      waiting.delete(pipeline);
      place?.leave();
    },
  });
  return pipeline.promise;
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
  for (const command of pipeline._queue) if (canEnd(command)) command.reject(error);
}
