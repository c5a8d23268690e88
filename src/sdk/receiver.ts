import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

const CONNECT_MS = 500;

type Env = Readonly<Record<string, string | undefined>>;

/** Where OTLP goes by the standard variables: the first of the signals' own endpoints, else the common one, else the default. */
function endpoint(env: Env): URL | undefined {
  const signals = ['TRACES_ENDPOINT', 'LOGS_ENDPOINT', 'METRICS_ENDPOINT', 'ENDPOINT'];
  const given = signals.map((signal) => env[`OTEL_EXPORTER_OTLP_${signal}`]?.trim()).find((value) => value !== undefined && value !== '');
  try {
    const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL;
    return new URL(given ?? `http://localhost:${protocol?.trim() === 'grpc' ? 4317 : 4318}`);
  } catch {
    return undefined;
  }
}

/**
 * Whether somebody listens where telemetry is exported to. An exporter tries for ten seconds to reach a receiver that is
 * not there, and would hold an ending process for as long.
 */
export function isReceiverThere(env: Env): Promise<boolean> {
  const url = endpoint(env);
  if (url === undefined) return Promise.resolve(false);
  const port = Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port);
  return new Promise((resolve) => {
    const { connect } = load('node:net') as typeof import('node:net');
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port, autoSelectFamily: true });
    const answer = (there: boolean): void => {
      socket.destroy();
      resolve(there);
    };
    socket.setTimeout(CONNECT_MS, () => answer(false));
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
