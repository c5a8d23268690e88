/** A just-closed circuit's growing share of the traffic. Without randomness: of every ten calls at 30 %, three go. */
export class RampUp {
  #credit = 0;

  constructor(
    readonly startedAt: number,
    readonly durationMs: number,
    /** So many calls at a time are admitted whatever the share is. */
    private readonly floor: number,
  ) {}

  over(now: number): boolean {
    return now >= this.startedAt + this.durationMs;
  }

  admit(now: number, inFlight: number): boolean {
    this.#credit += Math.min(1, Math.max(0, (now - this.startedAt) / this.durationMs));
    if (this.#credit >= 1) {
      this.#credit -= 1;
      return true;
    }
    return inFlight < this.floor;
  }
}
