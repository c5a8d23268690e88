import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricsEndpoint, usualPort } from '../../src/sdk/metrics-endpoint.ts';

const open: (MetricsEndpoint | Server)[] = [];
const warnings: { readonly message: string; readonly code?: string }[] = [];
const onWarning = (warning: Error): void => void warnings.push(warning as Error & { code?: string });

beforeEach(() => void process.on('warning', onWarning));

afterEach(() => {
  for (const each of open.splice(0)) each.close();
  warnings.length = 0;
  process.off('warning', onWarning);
});

async function serve(port: number | undefined): Promise<MetricsEndpoint> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  new MeterProvider({ readers: [exporter] });
  const endpoint = new MetricsEndpoint(exporter, { host: '127.0.0.1', port });
  open.push(endpoint);
  await endpoint.ready;
  await new Promise((resolve) => setImmediate(resolve));
  return endpoint;
}

/** Takes a port, if it is not taken already. */
async function take(port: number): Promise<number> {
  const server = createServer();
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!listening) return port;
  open.push(server);
  return (server.address() as AddressInfo).port;
}

describe('the endpoint of the metrics', () => {
  it('takes the next free port when nobody named one, and says so once', async () => {
    await take(usualPort);
    const first = await serve(undefined);
    const second = await serve(undefined);
    expect(first.port).toBeGreaterThan(usualPort);
    expect(second.port).toBeGreaterThan(first.port);
    for (const { url } of [first, second]) expect((await fetch(String(url))).status).toBe(200);
    expect(warnings.map(({ message }) => message)).toEqual([first, second].map(({ url }) => expect.stringContaining(`metrics at ${url}: `)));
  });

  it('stays with a port that was named: taken, there are no metrics, and a warning', async () => {
    const port = await take(0);
    const endpoint = await serve(port);
    expect(endpoint.url).toBeUndefined();
    expect(warnings).toMatchObject([
      { code: 'OTEL_BREAKER_METRICS', message: expect.stringContaining(`no metrics at http://127.0.0.1:${port}/metrics`) },
    ]);
  });

  it('knows the port that the system chose', async () => {
    const { port, url } = await serve(0);
    expect(port).toBeGreaterThan(0);
    expect(url).toBe(`http://127.0.0.1:${port}/metrics`);
    expect((await fetch(String(url))).status).toBe(200);
  });
});
