import type { Breaker } from '../breaker/breaker.ts';
import { ConfigError } from '../core/errors.ts';
import { reportFault } from '../core/fault.ts';
import { degradedModeOf } from '../policies/degraded.ts';
import { Refusal } from './answer.ts';
import { tidyReason } from './bodies.ts';
import { ModeOverrides } from './mode-control.ts';
import type { AdminEvent, FaultSource, ManagementOptions, ModeControl } from './ports.ts';
import type { State } from './state.ts';
import { isoTime } from './wall-time.ts';
import type {
  AdminAnswer,
  AdminChange,
  AdminState,
  BreakerAction,
  DegradeRequest,
  FaultRequest,
  FaultView,
  ModeRequest,
  ReasonRequest,
  RecoveryRequest,
  ReloadAnswer,
} from './wire.ts';

const moves: Readonly<Record<BreakerAction, (breaker: Breaker, reason: string) => void>> = {
  'force-open': (breaker, reason) => breaker.forceOpen(reason),
  'force-closed': (breaker, reason) => breaker.disable(reason),
  reset: (breaker, reason) => breaker.reset(reason),
  shadow: (breaker, reason) => breaker.shadow(reason),
  release: (breaker, reason) => breaker.release(reason),
};

type AdminOptions = ManagementOptions & { readonly faults: FaultSource };

/** Who acts, and what happens to be told. */
export interface AdminListeners {
  acted(answer: AdminAnswer): void;
  reloaded(answer: ReloadAnswer): void;
}

/** What a person may do. Everything is told to the audit log, with who did it and what was before and after. */
export class Admin {
  readonly #state: State;
  readonly #options: AdminOptions;
  readonly #listeners: AdminListeners;
  readonly #modes: ModeControl;

  constructor(state: State, options: AdminOptions, listeners: AdminListeners) {
    this.#state = state;
    this.#options = options;
    this.#listeners = listeners;
    this.#modes = options.modes ?? new ModeOverrides(state.registry);
  }

  move(action: BreakerAction, breaker: Breaker, actor: string, { reason }: ReasonRequest): AdminAnswer {
    return this.#act(action, actor, reason, [breaker], [], (why) => moves[action](breaker, why));
  }

  /** Open circuits only: what is held by hand is somebody's will, and what is closed needs nothing. */
  recover(actor: string, { reason, how = 'probe' }: RecoveryRequest): AdminAnswer {
    const open = this.#state.registry.list().filter((breaker) => (breaker.snapshot().circuit ?? breaker.state) === 'open');
    return this.#act('force-recovery', actor, reason, open, [`how: ${how}`], (why) => {
      for (const breaker of open) how === 'probe' ? breaker.probe(why) : breaker.reset(why);
    });
  }

  mode(actor: string, { reason, mode, match }: ModeRequest): AdminAnswer {
    const details = [`mode: ${mode}`, ...Object.entries(match ?? {}).map(([key, value]) => `match.${key}: ${value}`)];
    return this.#act('mode', actor, reason, this.#state.registry.list(), details, () => {
      this.#modes.set(mode === 'configured' ? undefined : mode, match);
    });
  }

  degrade(actor: string, { reason, mode }: DegradeRequest): AdminAnswer {
    const { registry } = this.#state;
    return this.#act('degrade', actor, reason, registry.list(), [`mode: ${mode}`], (why) => {
      registry.degrade(mode === 'configured' ? undefined : mode, 'hand', why);
    });
  }

  /** @throws Refusal that says what is wrong, or why it is not allowed here */
  inject(actor: string, request: FaultRequest): AdminAnswer {
    const { faults } = this.#options;
    const { reason, ...rest } = request;
    try {
      return this.#act(
        'faults',
        actor,
        reason,
        [],
        detailsOf(rest),
        () => faults.inject({ ...rest, ...tidied(reason) }, actor),
        () => faults.list(),
      );
    } catch (error) {
      throw refusalOf(error);
    }
  }

  async reload(actor: string, { reason: given }: ReasonRequest): Promise<ReloadAnswer> {
    const { reload } = this.#options;
    if (reload === undefined) throw new Refusal(501, 'not_available', 'this process has no configuration to read again');
    const reason = tidyReason(given);
    const { applied, changes, atNextStart, error } = await reload();
    const at = isoTime();
    const answer: ReloadAnswer = { at, applied, changes, atNextStart, ...(error !== undefined && { error: error.message }) };
    this.#audit({
      at,
      action: 'config-reload',
      actor,
      ...(reason && { reason }),
      changes: [],
      details: changes,
      ...(error && { error: error.message }),
    });
    this.#state.changed();
    this.#listeners.reloaded(answer);
    return answer;
  }

  #act(
    action: AdminEvent['action'],
    actor: string,
    given: string | undefined,
    breakers: readonly Breaker[],
    details: readonly string[],
    work: (reason: string) => void,
    faults?: () => readonly FaultView[],
  ): AdminAnswer {
    const reason = tidyReason(given);
    const before = breakers.map(standing);
    const event = { at: isoTime(), action, actor, ...(reason !== undefined && { reason }) };
    try {
      work(reason === undefined ? `by ${actor}` : `by ${actor}: ${reason}`);
    } catch (error) {
      this.#audit({ ...event, changes: [], details, error: error instanceof Error ? error.message : String(error) });
      throw error;
    }
    const changes = breakers.flatMap((breaker, index): AdminChange[] => {
      const [was, is] = [before[index] as Standing, standing(breaker)];
      const same = was.generation === is.generation && was.mode === is.mode && was.degraded === is.degraded;
      return same ? [] : [{ breaker: breaker.name, before: told(was), after: told(is) }];
    });
    const answer: AdminAnswer = { ...event, changes, ...(faults !== undefined && { faults: faults() }) };
    this.#audit({ ...event, changes, details });
    this.#state.changed();
    this.#listeners.acted(answer);
    return answer;
  }

  #audit(event: AdminEvent): void {
    try {
      this.#options.onAdmin?.(event);
    } catch (fault) {
      reportFault(fault, 'the audit log');
    }
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof ConfigError)
    return new Refusal(
      400,
      'invalid_body',
      error.message,
      {},
      error.issues.map(({ path, allowed }) => ({ path, allowed })),
    );
  return new Refusal(409, 'conflict', error instanceof Error ? error.message : String(error));
}

/** As `error.code: ECONNRESET`, one text each. */
function detailsOf(request: object, prefix = ''): string[] {
  return Object.entries(request).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null ? detailsOf(value, `${prefix}${key}.`) : [`${prefix}${key}: ${value}`],
  );
}

function tidied(given: string | undefined): ReasonRequest {
  const reason = tidyReason(given);
  return reason === undefined ? {} : { reason };
}

type Standing = AdminState & { readonly generation: number };

function told({ generation: _, ...state }: Standing): AdminState {
  return state;
}

function standing(breaker: Breaker): Standing {
  const degraded = degradedModeOf(breaker);
  return { state: breaker.state, mode: breaker.mode, ...(degraded !== 'off' && { degraded }), generation: breaker.generation };
}
