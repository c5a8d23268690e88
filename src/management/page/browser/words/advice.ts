import type { BreakerView } from '../../../wire.ts';

/** What kinds of error usually mean. The first that fits. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'The machine answers, but nothing listens at that port: the server is down, restarting, or somewhere else now.'],
  [/ENOTFOUND|EAI_AGAIN/, 'The name cannot be resolved: look at DNS and at the address in the service’s configuration.'],
  [/EHOSTUNREACH|ENETUNREACH/, 'There is no way to the server: network, routing, or a firewall that says no.'],
  [
    /ECONNRESET|EPIPE|CONNECTION_CLOSED|UND_ERR_SOCKET|08006|57P01/,
    'Connections break off: the server is going down or being killed, or a proxy between drops them.',
  ],
  [/CallTimeout|TIMEOUT|ETIMEDOUT|AbortError|Timeout/i, 'No answer in time: the server is overloaded or hangs, or packets get lost on the way.'],
  [/57P03/, 'PostgreSQL is starting up or in recovery: it answers again by itself.'],
  [/53300|too many/i, 'The server has no connection to spare: look for a pool that is too large, or for connections that leak.'],
  [/^429$/, 'The other side limits how often it may be asked: fewer calls, or a higher quota.'],
  [/^50[234]$/, 'A gateway answers for a service behind it that does not: look there.'],
  [/^5\d\d$/, 'The service answers, but with errors of its own: look at its logs and its last deployment.'],
  [
    /LOADING|MASTERDOWN|READONLY|CLUSTERDOWN/,
    'Redis is there but not ready: loading its data, failing over, or a replica that was taken for the primary.',
  ],
];

export function meaningOf(errorType: string | undefined): string | undefined {
  return errorType === undefined ? undefined : meanings.find(([pattern]) => pattern.test(errorType))?.[1];
}

/** What somebody on call can do about a circuit, in words. */
export function adviceOf({ state, circuit, mode, target: { system } }: BreakerView): string | undefined {
  const server = system === undefined ? 'what it protects' : `the ${system} server`;
  switch (state) {
    case 'open':
    case 'half_open':
      return `Look at ${server}. The circuit needs nobody: it probes by itself and closes when probes succeed. “Probe now” makes that sooner; “Force closed” sends all callers to it at once.`;
    case 'forced_open':
      return 'Somebody holds it open, and it stays so until it is released.';
    case 'disabled':
      return mode === 'off'
        ? 'The configuration switches it off: nothing is counted or refused.'
        : 'Somebody holds it closed: nothing protects callers until it is released.';
    case 'shadow':
      return circuit === 'closed' ? undefined : `Look at ${server}. Calls go on to it and wait there: in mode enforce they would be refused at once.`;
    default:
      return undefined;
  }
}
