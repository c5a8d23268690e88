import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AlertView, Overview } from '../../src/management/wire.ts';
import { configDir } from '../support/config-dir.ts';
import { freePort } from '../support/servers/free-port.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { WebhookReceiver } from '../support/servers/webhook-receiver.ts';
import { repository, type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

let redis: ServerHandle;
let collector: OtlpReceiver;
let plain: WebhookReceiver;
let secure: WebhookReceiver;
beforeAll(async () => {
  [redis, collector, plain, secure] = await Promise.all([
    startRedis(),
    startOtlpReceiver(),
    WebhookReceiver.start(),
    WebhookReceiver.start({ tls: true }),
  ]);
});
afterAll(async () => {
  await Promise.all([redis?.stop(), collector?.stop(), plain?.[Symbol.asyncDispose](), secure?.[Symbol.asyncDispose]()]);
});

/** As JSON, which knows no BigInt. */
const text = (value: unknown): string => JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}` : each));

const patience = { timeout: 60_000, interval: 100 };

/** The shop, with a circuit that is open for five seconds being worth an alert, told in many places. */
async function startShop(deadPort: number): Promise<{ app: SpawnedApp; url: string; management: string }> {
  const [port, managementPort] = [await freePort(), await freePort()];
  const yaml = `
alerts:
  rules:
    - { name: BreakerOpen, forMs: 5s, clearForMs: 0 }
  webhooks:
    - { url: '${plain.url}/generic/s3cr3t', tokenEnv: HOOK_TOKEN }
    - { type: slack, urlEnv: SLACK_URL }
    - { type: pagerduty, url: '${plain.url}/pagerduty', routingKeyEnv: PAGERDUTY_KEY }
    - { url: '${secure.url}/secure' }
    - { url: '${plain.url}/hanging', timeoutMs: 300ms }
    - { url: '${plain.url}/moved' }
    - { url: 'http://127.0.0.1:${deadPort}/s3cr3t' }
    - { url: '${plain.url}/never', minSeverity: critical }
    - { urlEnv: NOT_SET }
`;
  const app = await spawnApp(join(repository, 'examples/shop/server.js'), {
    imports: ['otel-breaker/register'],
    ready: false,
    env: {
      PORT: `${port}`,
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      DATABASE_URL: 'postgres://127.0.0.1:1/none',
      OTEL_SERVICE_NAME: 'shop',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_BLRP_SCHEDULE_DELAY: '100',
      OTEL_BREAKER_MANAGEMENT_PORT: `${managementPort}`,
      OTEL_BREAKER_CONFIG_FILE: join(configDir({ 'otel-breaker.yaml': yaml }), 'otel-breaker.yaml'),
      HOOK_TOKEN: 't0ken',
      SLACK_URL: `${plain.url}/slack/s3cr3t`,
      PAGERDUTY_KEY: 'k3y',
      NODE_EXTRA_CA_CERTS: secure.certificate,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  await vi.waitFor(() => fetch(`${url}/health`), { timeout: 20_000, interval: 50 });
  return { app, url, management: `http://127.0.0.1:${managementPort}` };
}

describe('alerts of a service whose Redis dies', () => {
  it('are told once and as over, in the log, on the page and in every place, and harm nothing', async () => {
    plain.answers.set('/slack/s3cr3t', [{ status: 500 }, { status: 500 }, { status: 200 }]);
    plain.answers.set('/pagerduty', [{ status: 429, headers: { 'retry-after': '3' } }, { status: 202 }]);
    plain.answers.set('/hanging', ['hang']);
    plain.answers.set('/moved', [{ status: 302, headers: { location: '/generic/s3cr3t' } }]);
    const { app, url, management } = await startShop(await freePort());
    const overview = async (): Promise<Overview> => (await fetch(`${management}/api/overview`)).json() as Promise<Overview>;
    const alerts = async (): Promise<readonly AlertView[]> => (await overview()).alerts;
    let asking = true;
    const traffic = (async () => {
      while (asking) {
        await fetch(`${url}/cart/a`).then((response) => response.arrayBuffer());
        await fetch(`${url}/cart/a`, { method: 'PUT', body: '{}' }).then((response) => response.arrayBuffer());
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    await vi.waitFor(async () => expect((await overview()).breakers.length).toBe(2), patience);
    await redis.kill();

    const server = `redis://127.0.0.1:${redis.port}`;
    const [alert] = await vi.waitFor(async () => {
      const found = await alerts();
      expect(found).toHaveLength(1);
      return found;
    }, patience);
    const concerned = [`${server} read`, `${server} write`];
    expect(alert).toMatchObject({
      id: `availability ${server}`,
      name: 'BreakerOpen',
      severity: 'critical',
      state: 'firing',
      server,
      breakers: concerned,
    });
    expect(alert?.summary).toBe(`${server} (read, write) has been open for more than 5 s`);
    for (const path of ['/generic/s3cr3t', '/never']) await vi.waitFor(() => expect(plain.at(path)).toHaveLength(1), patience);
    await vi.waitFor(() => expect(plain.at('/slack/s3cr3t')).toHaveLength(3), patience);
    await vi.waitFor(() => expect(plain.at('/pagerduty')).toHaveLength(2), patience);
    await vi.waitFor(() => expect(secure.at('/secure')).toHaveLength(1), patience);

    await redis.restart();
    await vi.waitFor(async () => expect((await alerts()).map(({ state }) => state)).toEqual(['resolved']), patience);
    await vi.waitFor(() => expect(plain.at('/slack/s3cr3t')).toHaveLength(4), patience);
    await vi.waitFor(() => expect(plain.at('/generic/s3cr3t')).toHaveLength(2), patience);
    await vi.waitFor(() => expect(plain.at('/pagerduty')).toHaveLength(3), patience);
    await vi.waitFor(() => expect(secure.at('/secure')).toHaveLength(2), patience);
    asking = false;
    await traffic;

    const [firing, resolved] = plain.at('/generic/s3cr3t');
    expect(firing?.headers).toMatchObject({ authorization: 'Bearer t0ken', 'content-type': 'application/json' });
    expect(firing?.headers).not.toHaveProperty('traceparent');
    expect(firing?.body).toMatchObject({
      version: 1,
      event: 'firing',
      service: 'shop',
      pid: app.pid,
      id: alert?.id,
      breakers: concerned,
      since: alert?.since,
    });
    expect(resolved?.body).toMatchObject({ event: 'resolved', id: alert?.id, resolvedAt: expect.any(String) });
    const slack = plain.at('/slack/s3cr3t').map(({ body }) => String(body['text']));
    expect(slack[2]).toBe(`CRITICAL: shop: ${alert?.summary}`);
    expect(slack[3]).toMatch(/^Resolved: shop: /);
    const pages = plain.at('/pagerduty');
    expect((pages[1]?.at ?? 0) - (pages[0]?.at ?? 0)).toBeGreaterThan(2_990);
    expect(pages.map(({ body }) => [body['event_action'], body['dedup_key'], body['routing_key']])).toEqual([
      ['trigger', `shop ${alert?.id}`, 'k3y'],
      ['trigger', `shop ${alert?.id}`, 'k3y'],
      ['resolve', `shop ${alert?.id}`, 'k3y'],
    ]);
    // Redirects are not followed, and what is refused is not repeated.
    expect(plain.at('/moved')).toHaveLength(1);

    const told = await collector.waitFor(({ logs }) => {
      const found = logs.filter(({ eventName }) => eventName === 'breaker.alert');
      return found.length >= 2 && found;
    });
    expect(told.map(({ severityText, attributes }) => [severityText, attributes['breaker.alert.name'], attributes['breaker.alert.state']])).toEqual([
      ['ERROR', 'BreakerOpen', 'firing'],
      ['INFO', 'BreakerOpen', 'resolved'],
    ]);

    // No breaker guards what we send, and no span tells of it.
    expect((await overview()).breakers.map(({ name }) => name).sort()).toEqual(concerned);
    const { host, port: receiverPort } = new URL(plain.url);
    const ofIt = ({ name, attributes }: (typeof collector.spans)[number]) =>
      text([name, attributes]).includes(host) || `${attributes['server.port']}` === receiverPort;
    expect(collector.spans.filter(ofIt)).toEqual([]);

    app.signal('SIGTERM');
    expect(await app.exited).toEqual({ code: 0, signal: null });
    const output = app.stdout + app.stderr + text(collector.requests);
    for (const secret of ['s3cr3t', 't0ken', 'k3y']) expect(output).not.toContain(secret);
    expect(app.stderr).toContain('alerts.webhooks[8].urlEnv: the environment variable NOT_SET is not set');
    expect(app.stderr).toMatch(/alerts\.webhooks\[4\] .*: an alert is not delivered: ETIMEDOUT/);
    expect(app.stderr).toMatch(/alerts\.webhooks\[5\] .*: an alert is not delivered: refused with status 302 \(redirects are not followed\)/);
    expect(app.stderr.match(/alerts\.webhooks\[6\] .*ECONNREFUSED/g)).toHaveLength(1);
  }, 180_000);
});
