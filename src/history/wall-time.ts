/** The wall clock: it stamps what people read, and decides nothing. Epoch milliseconds. */
export const wallTime = (): number => Date.now();
