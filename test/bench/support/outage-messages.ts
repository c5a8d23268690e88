/** What the parent of an application under load tells it. `up` comes before the server is back. */
export interface OutageOrder {
  readonly order: 'start' | 'down' | 'up' | 'stop' | 'result';
  /** Calls per second. */
  readonly rate?: number;
}

export interface OutageResult {
  readonly made: number;
  /** Calls that went on to the server during the outage. */
  readonly reached: number;
  readonly failFastAfterMs: number;
  readonly refusedP99Ms: number;
  readonly refused: number;
  /** Calls that had not settled at the end, seconds after the load. */
  readonly pending: number;
  /** From the server's return to the last call that failed. */
  readonly recoveredAfterMs: number;
  readonly heapGrowthMb: number;
  readonly stallMs: number;
  readonly batchDone: number;
  readonly batchRefused: number;
}
