import { Agent, request } from 'node:http';

/** The dependency that a request to the shop needs. */
export type Group = 'redis' | 'postgres' | 'http';

/** How one request to the shop went. Times are ms of the demo's clock. */
export interface Sample {
  group: Group;
  startedAt: number;
  durationMs: number;
  /** The answer's status; 0 when there was none within the client's patience. */
  status: number;
  /** The code that the shop gave for a failure; '' for a success, 'client time-out' when it did not answer. */
  error: string;
  /** The number of the cart, and of what is in it, where the request was to save one. No two requests save the same. */
  saved?: number;
}

export const clientTimeoutMs = 5_000;

const requests: Record<Group, ((n: number) => Made)[]> = {
  // Each odd cart is saved once; the first 25 of them are read again and again.
  redis: [(n) => ['GET', `/cart/${1 + (n % 50)}`], (n) => ['PUT', `/cart/${n}`, { tea: n }]],
  postgres: [() => ['GET', '/products'], (n) => ['POST', '/orders', { productId: 1 + (n % 20), count: 1 }]],
  http: [() => ['GET', '/shipping']],
};
export const groups = Object.keys(requests) as Group[];

/** What happened to one shop so far. */
export interface Results {
  /** Requests that are over, in the order of their ends. */
  readonly samples: readonly Sample[];
  /** Requests under way. */
  readonly waiting: Readonly<Record<Group, number>>;
}

export interface Load {
  /** One of each shop, in the order given. */
  readonly results: readonly Results[];
  /** Requests per second, group and shop from now on. */
  setRate(perSecond: number): void;
  stop(): void;
}

/**
 * Open-loop load: requests start at a steady rate whether or not earlier ones were answered, as those of independent
 * users do. A client gives up after {@link clientTimeoutMs}. All shops get the same requests at the same moments.
 */
export function startLoad(shopPorts: readonly number[], perSecond: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const shops = shopPorts.map((port) => ({ port, samples: [] as Sample[], waiting: { redis: 0, postgres: 0, http: 0 } }));
  let rate = perSecond;
  let sent = 0;
  let due = 0;
  let lastTick = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    due += ((now - lastTick) / 1_000) * rate;
    lastTick = now;
    for (; due >= 1; due--) sendToAll(sent++);
  }, 10);

  function sendToAll(n: number): void {
    for (const group of groups) {
      const make = requests[group][n % requests[group].length];
      if (make === undefined) continue;
      for (const { port, samples, waiting } of shops) {
        waiting[group]++;
        const made = make(n);
        send(agent, port, group, made, (sample) => {
          waiting[group]--;
          samples.push(made[0] === 'PUT' ? { ...sample, saved: n } : sample);
        });
      }
    }
  }
  return {
    results: shops,
    setRate(wanted) {
      rate = wanted;
    },
    stop() {
      clearInterval(timer);
      agent.destroy();
    },
  };
}

type Made = [method: string, path: string, body?: object];

function send(agent: Agent, port: number, group: Group, [method, path, body]: Made, done: (sample: Sample) => void): void {
  const startedAt = performance.now();
  let over = false;
  const end = (status: number, error: string) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    done({ group, startedAt, durationMs: performance.now() - startedAt, status, error });
  };
  const outgoing = request({ agent, port, host: '127.0.0.1', method, path, headers: { 'content-type': 'application/json' } }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', () => end(0, 'connection'));
    response.on('end', () => end(response.statusCode ?? 0, response.statusCode === 200 ? '' : errorCode(Buffer.concat(chunks).toString())));
  });
  outgoing.on('error', (error: NodeJS.ErrnoException) => end(0, error.code ?? error.message));
  const timer = setTimeout(() => {
    end(0, 'client time-out');
    outgoing.destroy();
  }, clientTimeoutMs);
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
}

function errorCode(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return String(error);
  } catch {
    return 'unreadable';
  }
}
