import type { Breaker } from '../../src/breaker/breaker.ts';
import type { TransitionEvent, Trigger } from '../../src/breaker/events.ts';
import { classified } from '../../src/breaker/judge.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import type { Verify } from '../../src/breaker/watch.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import { reportFault } from '../../src/core/fault.ts';
import type { CallResult, Outcome } from '../../src/core/outcome.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { isConnectionFault, refusesOutright } from './faults.ts';
import { createLiveness, defaultTimeoutMs, type Liveness } from './liveness.ts';
import { RecoveryWatch } from './recovery-watch.ts';
import { Refusals } from './refusals.ts';
import { destination, identityOf, type ServerDescription, serverKey } from './server-description.ts';

/** Why a server's circuits opened: it kept `silent`, or its connections were `refused` or broke. */
export type Outage = 'silent' | 'refused';

/** The breakers of one server: one per namespace and class of operation, which share the faults of its connections. */
export class ServerGroup {
  /** Such as `redis://10.0.0.5:6379`. */
  readonly key: string;
  readonly #registry: Registry;
  readonly #server: ServerDescription;
  readonly #verify: Verify | undefined;
  readonly #isBack: Liveness | undefined;
  readonly #watch: RecoveryWatch | undefined;
  readonly #breakers = new Map<string, Breaker>();
  /** A client rejects all its waiting calls with one error: one fault, not a hundred. */
  #lastFault: WeakRef<object> | undefined;
  /** Errors that an instrumentation has said are faults of the connection: their codes do not always. */
  readonly #ofConnection = new WeakSet<object>();
  readonly #refusals = new Refusals();
  readonly #outageListeners: ((outage: Outage) => void)[] = [];
  readonly #madeAt: number;
  /** Has been reached at least once. */
  #met = false;

  constructor(registry: Registry, server: ServerDescription) {
    this.#madeAt = registry.clock.now();
    this.key = serverKey(server);
    this.#registry = registry;
    this.#server = server;
    if (server.liveness !== undefined) {
      const to = destination(server);
      const ask = createLiveness({ to, ...server.liveness }, registry.clock);
      const verify: Verify = (healthyMs, silenced) => (silenced !== true && this.#isStarting() ? Promise.resolve(true) : ask(healthyMs, silenced));
      this.#verify = Object.defineProperty(verify, 'met', { get: () => ask.met });
      this.#isBack = server.recovery === undefined ? ask : createLiveness({ to, ...server.recovery }, registry.clock);
      this.#watch = new RecoveryWatch(this.#isBack, this, registry.clock);
    }
  }

  /** The breaker of a class of operation; the same one until the registry drops it. */
  breaker(operation?: string, namespace?: string): Breaker {
    const local = namespace === undefined ? (operation ?? '') : `${namespace} ${operation ?? ''}`;
    const known = this.#breakers.get(local);
    return known !== undefined && !known.retired ? known : this.#create(local, operation, namespace);
  }

  /** Whether a breaker of it has policies, or would have if it were made. */
  hasPolicies(operation: string): boolean {
    const { name, target } = identityOf(this.#server, operation);
    return this.#registry.hasPolicies(name, target, this.#server.defaults);
  }

  #create(local: string, operation: string | undefined, namespace: string | undefined): Breaker {
    const { defaults } = this.#server;
    const { name, target } = identityOf(this.#server, operation, namespace);
    const breaker = this.#registry.get(name, target, {
      ...(this.#verify === undefined ? {} : { verify: this.#verify }),
      ...(defaults === undefined ? {} : { defaults }),
    });
    this.#breakers.set(local, breaker);
    if (this.#owns(breaker)) {
      this.#watch?.observe(breaker);
      breaker.on('transition', (event) => this.#moved(event));
      this.#remind(breaker);
    }
    return breaker;
  }

  /** The overflow breaker stands for many servers: nothing of a single one's may stick to it. */
  #owns(breaker: Breaker): boolean {
    return !breaker.retired && breaker.target.server === this.key;
  }

  /** Hears that circuits of the server have opened because it is not there: calls that wait for it wait in vain. */
  onOutage(listener: (outage: Outage) => void): void {
    this.#outageListeners.push(listener);
  }

  #moved({ breaker, from, to, trigger, error }: TransitionEvent): void {
    // Not at once: others are still to be told of this move.
    if (from === 'disabled' && to === 'closed') queueMicrotask(() => this.#remind(breaker));
    if (to === 'closed' && trigger === 'probes_succeeded') this.#proven(breaker);
    if (to !== 'open') return;
    const silent = trigger === 'stall' || trigger === 'probe_lease';
    if (silent) this.#refusals.asked(error, this.#registry.clock.now());
    // An injected hang is its own circuit's, and no other's.
    if (trigger === 'stall' && this.#verify !== undefined && !breaker.injections.some(({ kind }) => kind === 'hang')) {
      // The server itself kept silent when asked, or refused: that concerns its other classes of operation as well.
      for (const sibling of this.#breakers.values()) if (sibling !== breaker && this.#owns(sibling)) sibling.report(error, { refused: true });
    }
    if (silent) this.#announce('silent');
    else if (trigger === 'connection' || this.isOfConnection(error)) this.#announce('refused');
  }

  /** Calls of one class succeed again: what opened the others with it was the connection, and nobody may ask them for hours. */
  #proven(by: Breaker): void {
    this.#refusals.refuted();
    for (const sibling of this.#breakers.values()) if (sibling !== by && this.#owns(sibling)) sibling.recovered({ proven: true });
  }

  /** @internal For the watch. */
  refutes(trigger: Trigger): boolean {
    return trigger === 'stall' || trigger === 'connection';
  }

  /** @internal For the watch. */
  isOfConnection(error: unknown): boolean {
    return (typeof error === 'object' && error !== null && this.#ofConnection.has(error)) || isConnectionFault(error);
  }

  /** @internal For the watch. */
  stillSilent(breaker: Breaker): void {
    // An injected hang keeps whatever came from the breaker.
    const met = breaker.silenced ? undefined : this.#isBack?.met;
    if (met !== undefined) this.#refusals.asked(met, this.#registry.clock.now());
    breaker.report(met ?? new CallTimeoutError(this.key, this.#server.liveness?.timeoutMs ?? defaultTimeoutMs), { refused: true });
    this.#announce('silent');
  }

  /** A circuit that begins while its server is known to refuse connections need not find that out by a call that waits. */
  #remind(breaker: Breaker): void {
    const watched = [...this.#breakers.values()].some((each) => each !== breaker && (each.snapshot().circuit ?? each.state) === 'open');
    const known = this.#refusals.evidence(this.#registry.clock.now(), watched);
    if (known !== undefined) breaker.report(known, { refused: true });
  }

  #isStarting(): boolean {
    const { startMs = 0 } = this.#server;
    return !this.#met && this.#registry.clock.now() - this.#madeAt < startMs;
  }

  #announce(outage: Outage): void {
    for (const listener of this.#outageListeners) {
      try {
        listener(outage);
      } catch (fault) {
        reportFault(fault, 'a listener of an outage');
      }
    }
  }

  /**
   * A call failed: a failure for its breaker, and for its siblings too when the connection is to blame.
   * @param ofConnection where the client's own errors tell it; by default the error's code does
   */
  settleWithFault(permit: Permit, error: unknown, ofConnection: boolean = isConnectionFault(error)): void {
    if (ofConnection) this.#note(error);
    permit.fail(error);
    if (ofConnection) this.#tell(error, permit.breaker, permit.trace);
  }

  /** A connection failed, broke or could not be made, and no call carried it. */
  fault(error: unknown): void {
    this.#note(error);
    this.#tell(error, undefined);
  }

  /** The server answers again. */
  recovered(): void {
    this.#met = true;
    this.#refusals.over();
    this.#lastFault = undefined;
    this.#registry.recovered(this.key);
  }

  /** Whether the last that was heard of the server is that it refuses connections. */
  get refusing(): boolean {
    return this.#refusals.refusing;
  }

  /**
   * A client of the application has connected: proof against every refusal before it.
   * @param answered whether the server has also answered, which proves more
   */
  reached(answered: boolean): void {
    const proven = answered || this.#refusals.refusing;
    this.recovered();
    if (!proven) return;
    for (const breaker of this.#breakers.values()) if (this.#owns(breaker)) breaker.recovered({ proven });
  }

  #note(error: unknown): void {
    if (typeof error === 'object' && error !== null) this.#ofConnection.add(error);
  }

  #tell(error: unknown, except: unknown, trace?: unknown): void {
    const refused = refusesOutright(error);
    if (refused) this.#refusals.refusing = true;
    if (typeof error === 'object' && error !== null) {
      if (this.#lastFault?.deref() === error) return;
      this.#lastFault = new WeakRef(error);
    }
    if (refused) this.#refusals.inRow += 1;
    const proves = refused && (this.#refusals.inRow >= (this.#server.refusalsUnmet ?? 1) || this.#hasMet());
    if (proves) this.#refusals.proved(error, this.#registry.clock.now());
    for (const breaker of this.#breakers.values()) {
      // The call's own breaker has counted it already, unless the evidence says more than a count can.
      if (this.#owns(breaker) && (breaker !== except || proves)) breaker.report(error, { refused: proves, trace });
    }
  }

  #hasMet(): boolean {
    for (const { meters } of this.#breakers.values()) {
      this.#met ||= meters.calls('success', false) + meters.calls('success', true) > 0;
    }
    return this.#met;
  }
}

/** The outcome of a call: the user's `classify` comes before the instrumentation's default. */
export function judge(breaker: Breaker, result: CallResult, byDefault: Outcome): Outcome {
  return classified(breaker.options.classify, result) ?? byDefault;
}

/** The same for an answer. Without a `classify` of the user's nothing is made for it. */
export function judgeAnswer(breaker: Breaker, value: unknown, byDefault: Outcome): Outcome {
  return breaker.options.classify === undefined ? byDefault : judge(breaker, { ok: true, value }, byDefault);
}

/** Held by their clients, and by their breakers, which they follow for life: servers may come and go without end. */
const groups = new WeakMap<Registry, Map<string, WeakRef<ServerGroup>>>();
const gone = new FinalizationRegistry<() => void>((forget) => forget());

/** The group of a server: the same one for all clients of it. Hold on to it per client rather than look it up per call. */
export function serverGroup(registry: Registry, server: ServerDescription): ServerGroup {
  const known = groups.get(registry) ?? new Map<string, WeakRef<ServerGroup>>();
  groups.set(registry, known);
  const key = serverKey(server);
  const present = known.get(key)?.deref();
  if (present !== undefined) return present;
  const group = new ServerGroup(registry, server);
  const held = new WeakRef(group);
  known.set(key, held);
  gone.register(group, () => {
    // There may be another by then.
    if (known.get(key) === held) known.delete(key);
  });
  return group;
}
