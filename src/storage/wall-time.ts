/** The wall clock: what is on disk has to mean something to the next process. It stamps, and tells ages; it decides no state of a circuit. */
export const wallTime = (): number => Date.now();
