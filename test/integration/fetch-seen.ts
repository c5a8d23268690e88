/** What a caller sees of a call, as plain data, for comparing a guarded client with a bare one: an error with all its parts and its stack. */
export async function seen(call: () => unknown): Promise<unknown> {
  try {
    return { value: await call() };
  } catch (error) {
    return { error: describeError(error) };
  }
}

export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error) && !(error instanceof DOMException)) return error;
  const own = Object.entries(error).filter(([key, value]) => key !== 'socket' && typeof value !== 'object');
  const { name, message, cause } = error;
  const prototypes: string[] = [];
  for (let at: unknown = Object.getPrototypeOf(error); at !== null; at = Object.getPrototypeOf(at)) prototypes.push((at as Error).constructor.name);
  const stack = ofCall(ports(error.stack ?? ''));
  const part = { name, message: ports(message), own: Object.fromEntries(own.map(([key, value]) => [key, portless(key, value)])), prototypes, stack };
  return cause === undefined || depth > 3 ? part : { ...part, cause: describeError(cause, depth + 1) };
}

/** Ports of our own end differ from call to call, and so do bytes that a connection has seen. */
function portless(key: string, value: unknown): unknown {
  return /port|bytes/i.test(key) ? typeof value : value;
}

function ports(text: string): string {
  return text.replace(/(127\.0\.0\.1|localhost|::1):\d+/g, '$1');
}

/** As far as the call goes, not the test runner around it; and without the frames of the guards, which a call that fails at once has in its stack. */
function ofCall(stack: string): string {
  const frames = stack.split('\n');
  const end = frames.findIndex((frame) => frame.includes('fetch-seen.ts'));
  return (end < 0 ? frames : frames.slice(0, end)).filter((frame) => !/node:internal.(process|timers)|\/instrumentations\//.test(frame)).join('\n');
}
