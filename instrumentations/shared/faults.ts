/** Codes of Node's sockets and resolver that speak of the connection, not of what was asked over it. */
const connectionCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** Nobody listens there: every further attempt is refused at once, for whatever is asked. */
const refusals: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT']);

/** What libpq (pg-native) says when nobody listens: its errors have no code. */
const libpqRefusal = /^(connection to server |could not connect to server)[\s\S]*: (Connection refused|No such file or directory)/;

/**
 * The code of an error, or of what caused it: undici wraps the socket's error in a TypeError, and an attempt on several
 * addresses gives an AggregateError, whose own code is that of the first.
 */
function codeOf(error: unknown, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, cause, syscall, message } = error as { code?: unknown; cause?: unknown; syscall?: unknown; message?: unknown };
  // A missing file is no missing Unix socket.
  if (code === 'ENOENT' && syscall !== 'connect') return undefined;
  if (typeof code === 'string') return code;
  if (typeof message === 'string' && libpqRefusal.test(message)) return 'ECONNREFUSED';
  return depth < 3 ? codeOf(cause, depth + 1) : undefined;
}

/** Whether an error says that the connection to a server failed, broke or could not be made: it concerns every use of the server. */
export function isConnectionFault(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && connectionCodes.has(code);
}

/** Whether the server refuses connections outright (nobody listens at its port or socket). */
export function refusesOutright(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && refusals.has(code);
}
