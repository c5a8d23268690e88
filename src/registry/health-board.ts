import { Emitter } from '../core/emitter.ts';
import type { Target } from '../core/target.ts';

/** How well a system is: its dependencies up by at least 80 %, by at least 50 %, less or a critical one down, several critical ones down. */
export type HealthState = 'healthy' | 'degraded' | 'critical' | 'emergency';

/** From well to worse. */
export const healthStates: readonly HealthState[] = ['healthy', 'degraded', 'critical', 'emergency'];

export type CheckStatus = 'up' | 'down' | 'unknown';

export interface CheckReading {
  readonly name: string;
  readonly target: Target;
  readonly status: CheckStatus;
  /** Of the last one, in ms; `undefined` before it. */
  readonly durationMs: number | undefined;
}

/** The system's health at one moment. */
export interface HealthReading {
  readonly state: HealthState;
  readonly checks: readonly CheckReading[];
}

/** The state of the system has changed. */
export interface HealthEvent {
  readonly from: HealthState;
  readonly to: HealthState;
  /** Why it is not healthy, one sentence each. */
  readonly reasons: readonly string[];
  readonly dependencies: { readonly total: number; readonly up: number };
}

/** A check's verdict has changed. */
export interface CheckEvent {
  readonly name: string;
  readonly target: Target;
  readonly from: CheckStatus;
  readonly to: CheckStatus;
  readonly critical: boolean;
  /** Of the last one, when it failed. */
  readonly error: string | undefined;
}

export interface HealthBoardEvents {
  changed: HealthEvent;
  checked: CheckEvent;
}

/** What is known of the system's health, for telemetry: whoever watches over it tells it here, numbers are read when metrics are collected. */
export class HealthBoard {
  readonly #events = new Emitter<HealthBoardEvents>();
  #read: (() => HealthReading) | undefined;

  /** `undefined`: nobody watches. */
  read(): HealthReading | undefined {
    return this.#read?.();
  }

  /** From now on, until disposed of. */
  provide(read: () => HealthReading): Disposable {
    this.#read = read;
    return {
      [Symbol.dispose]: () => {
        if (this.#read === read) this.#read = undefined;
      },
    };
  }

  tell<K extends keyof HealthBoardEvents>(name: K, event: HealthBoardEvents[K]): void {
    this.#events.emit(name, event);
  }

  on<K extends keyof HealthBoardEvents>(name: K, listener: (event: HealthBoardEvents[K]) => void): Disposable {
    return this.#events.on(name, listener);
  }
}
