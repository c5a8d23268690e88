import type { DegradedMode } from '../core/policy-options.ts';

/** Who says how calls are served for the time being: a person or the program itself, or below them the health of the system. */
export type DegradedBy = 'hand' | 'health';

/** `off`: as ever, whatever their options say. */
export type DegradedSetting = DegradedMode | 'off';

export interface DegradedState {
  readonly mode: DegradedSetting;
  readonly by: DegradedBy;
}

/** How calls are served has changed, of all breakers. */
export interface DegradedEvent {
  /** `undefined`: as the options of each say. */
  readonly before: DegradedState | undefined;
  readonly now: DegradedState | undefined;
  /** Who or why, for the record. */
  readonly reason: string | undefined;
}

/** What the two have said; what a person says counts. */
export class Degradation {
  #byHand: DegradedSetting | undefined;
  #byHealth: DegradedSetting | undefined;

  get current(): DegradedState | undefined {
    if (this.#byHand !== undefined) return { mode: this.#byHand, by: 'hand' };
    return this.#byHealth === undefined ? undefined : { mode: this.#byHealth, by: 'health' };
  }

  say(mode: DegradedSetting | undefined, by: DegradedBy): void {
    if (by === 'hand') this.#byHand = mode;
    else this.#byHealth = mode;
  }
}
