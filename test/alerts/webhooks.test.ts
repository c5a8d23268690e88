import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Alert } from '../../src/alerts/alert.ts';
import { payloadOf } from '../../src/alerts/webhooks/payloads.ts';
import { Webhooks } from '../../src/alerts/webhooks/webhooks.ts';
import { systemClock } from '../../src/core/clock.ts';
import { WebhookReceiver } from '../support/servers/webhook-receiver.ts';

const alert: Alert = {
  id: 'availability redis://h:1',
  name: 'BreakerOpen',
  severity: 'critical',
  state: 'firing',
  summary: 'redis://h:1 <read & write> has been open',
  runbook: 'look',
  rules: ['BreakerOpen', 'BreakerRejecting'],
  consequences: ['BreakerSlowCalls'],
  server: 'redis://h:1',
  breakers: ['redis://h:1 read'],
  pools: [],
  value: 1,
  limit: 0,
  since: '2026-01-01T00:00:00.000Z',
};
const source = { service: 'shop', host: 'h7', pid: 7 };

async function rig() {
  const receiver = await WebhookReceiver.start();
  const said: string[] = [];
  const webhooks = new Webhooks({
    clock: systemClock,
    source,
    env: { HOOK: `${receiver.url}/env`, EMPTY: ' ' },
    outside: (fn) => fn(),
    tell: (_level, message) => void said.push(message),
  });
  onTestFinished(async () => {
    await webhooks.flush(0);
    await receiver[Symbol.asyncDispose]();
  });
  return { receiver, said, webhooks };
}

describe('webhooks', () => {
  test('that stay when others change go on as before, and new ones hear of what fires', async () => {
    const { receiver, webhooks } = await rig();
    const stays = { url: `${receiver.url}/stays` };
    webhooks.configure([stays, { url: `${receiver.url}/goes` }], []);
    webhooks.offer({ kind: 'firing', alert, lastedMs: 0 });
    await vi.waitFor(() => expect(receiver.received).toHaveLength(2));
    webhooks.configure([{ urlEnv: 'HOOK' }, stays], [alert]);
    webhooks.offer({ kind: 'resolved', alert: { ...alert, state: 'resolved' }, lastedMs: 1 });
    await vi.waitFor(() => expect(receiver.received).toHaveLength(5));
    const seen = receiver.received.map(({ path, body }) => `${path} ${String(body['event'])}`).sort();
    expect(seen).toEqual(['/env firing', '/env resolved', '/goes firing', '/stays firing', '/stays resolved']);
  });

  test('with something wrong are said, without what is secret, and cost nobody else', async () => {
    const { receiver, said, webhooks } = await rig();
    webhooks.configure([{ urlEnv: 'EMPTY' }, { urlEnv: 'NOT_SET' }, { url: 'ftp://host/s3cr3t' }, { urlEnv: 'HOOK' }], [alert]);
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1));
    expect(said.map((text) => /alerts\.webhooks\[\d\]\.\w+/.exec(text)?.[0])).toEqual([
      'alerts.webhooks[0].urlEnv',
      'alerts.webhooks[1].urlEnv',
      'alerts.webhooks[2].url',
    ]);
    expect(said.join()).not.toContain('s3cr3t');
  });

  test('that never answer are let go at the end', async () => {
    const { receiver, webhooks } = await rig();
    receiver.answers.set('/env', ['hang']);
    webhooks.configure([{ urlEnv: 'HOOK' }], [alert]);
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1));
    await webhooks.flush(50);
    // Its connection is closed, which is all that could have held a process.
    await vi.waitFor(async () => expect(await receiver.connections()).toBe(0));
  });
});

describe('what is sent', () => {
  test('to Slack has its control characters escaped, and says what to do', () => {
    const sent = payloadOf(alert, { type: 'slack', routingKey: undefined }, source, '') as { text: string; blocks: unknown[] };
    expect(sent.text).toBe('CRITICAL: shop: redis://h:1 &lt;read &amp; write&gt; has been open');
    expect(JSON.stringify(sent.blocks)).toContain('BreakerOpen · also BreakerRejecting, BreakerSlowCalls · since 2026-01-01T00:00:00.000Z · h7 (7)');
    expect(sent.blocks).toHaveLength(3);
    const over = payloadOf({ ...alert, state: 'resolved' }, { type: 'slack', routingKey: undefined }, source, '') as {
      text: string;
      blocks: unknown[];
    };
    expect([over.text.startsWith('Resolved: shop: '), over.blocks.length]).toEqual([true, 2]);
  });

  test('to PagerDuty begins and ends one incident of the service', () => {
    const endpoint = { type: 'pagerduty', routingKey: 'key' } as const;
    expect(payloadOf(alert, endpoint, source, '')).toMatchObject({
      routing_key: 'key',
      event_action: 'trigger',
      dedup_key: 'shop availability redis://h:1',
      payload: {
        summary: `shop: ${alert.summary}`,
        source: 'h7',
        severity: 'critical',
        component: 'redis://h:1',
        group: 'shop',
        class: 'BreakerOpen',
      },
    });
    expect(payloadOf({ ...alert, state: 'resolved' }, endpoint, source, '')).toEqual({
      routing_key: 'key',
      event_action: 'resolve',
      dedup_key: 'shop availability redis://h:1',
    });
    const keys = ['x', 'y'].map(
      (end) => (payloadOf({ ...alert, id: 'a'.repeat(300) + end }, endpoint, source, '') as { dedup_key: string }).dedup_key,
    );
    expect(keys[0]).not.toBe(keys[1]);
    expect(keys.every(({ length }) => length <= 255)).toBe(true);
  });

  test('to anything else is the alert as it is shown, and whose it is', () => {
    const { state, ...rest } = alert;
    expect(payloadOf(alert, { type: 'generic', routingKey: undefined }, source, 'now')).toEqual({
      version: 1,
      event: state,
      ...rest,
      ...source,
      at: 'now',
    });
  });
});
