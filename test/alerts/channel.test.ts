import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/alerts/alert.ts';
import { Channel } from '../../src/alerts/webhooks/channel.ts';
import type { Endpoint } from '../../src/alerts/webhooks/endpoint.ts';
import type { Answer } from '../../src/alerts/webhooks/post.ts';
import { ManualClock } from '../../src/testing.ts';

const alert = (id: string, change: Partial<Alert> = {}): Alert => ({
  id,
  name: 'BreakerOpen',
  severity: 'critical',
  state: 'firing',
  summary: `${id} has been open`,
  runbook: 'look',
  rules: ['BreakerOpen'],
  consequences: [],
  breakers: [id],
  pools: [],
  value: 1,
  limit: 0,
  since: '2026-01-01T00:00:00.000Z',
  ...change,
});
const over = (id: string): Alert => alert(id, { state: 'resolved', resolvedAt: '2026-01-01T00:01:00.000Z' });

/** A channel whose other side is the test. */
function rig(endpoint: Partial<Endpoint> = {}) {
  const clock = new ManualClock();
  const said: string[] = [];
  const sent: { readonly what: string; answer(answer: Answer | Error): Promise<void>; held: boolean; abandoned: boolean }[] = [];
  const channel = new Channel(
    {
      type: 'generic',
      url: new URL('http://receiver'),
      label: 'alerts.webhooks[0]',
      token: undefined,
      routingKey: undefined,
      minSeverity: 'warning',
      timeoutMs: 1_000,
      ...endpoint,
    },
    {
      clock,
      tell: (level, message) => void said.push(`${level} ${message}`),
      send: ({ id, state, severity }) => {
        let settle = (_: Answer | Error): void => {};
        const answer = new Promise<Answer>((resolve, reject) => {
          settle = (given) => (given instanceof Error ? reject(given) : resolve(given));
        });
        const one = {
          what: `${state} ${id} ${severity}`,
          held: false,
          abandoned: false,
          answer: async (given: Answer | Error) => {
            settle(given);
            await new Promise((resolve) => setImmediate(resolve));
          },
        };
        sent.push(one);
        return {
          answer,
          hold: () => {
            one.held = true;
          },
          abandon: () => {
            one.abandoned = true;
          },
        };
      },
    },
  );
  const whats = () => sent.map(({ what }) => what);
  const last = async (given: Answer | Error | number) => {
    await sent.at(-1)?.answer(typeof given === 'number' ? { status: given, retryAfterMs: 0 } : given);
  };
  return { clock, channel, said, sent, whats, last };
}

const failed = (code: string): Error => Object.assign(new Error(code), { code });

describe('a channel', () => {
  test('sends one at a time, in their order', async () => {
    const { channel, whats, last } = rig();
    channel.offer({ alert: alert('a') });
    channel.offer({ alert: alert('b') });
    channel.offer({ alert: over('a') });
    expect(whats()).toEqual(['firing a critical']);
    await last(200);
    await last(202);
    await last(204);
    expect(whats()).toEqual(['firing a critical', 'firing b critical', 'resolved a critical']);
    expect(channel.waiting).toBe(0);
  });

  test('sends nothing below its severity, and no end of what it has not sent', async () => {
    const { channel, whats, last } = rig({ minSeverity: 'critical' });
    channel.offer({ alert: alert('a', { severity: 'warning' }) });
    channel.offer({ alert: over('a') });
    expect(whats()).toEqual([]);
    channel.offer({ alert: alert('b', { severity: 'warning' }) });
    channel.offer({ alert: alert('b') });
    await last(200);
    channel.offer({ alert: over('b') });
    expect(whats()).toEqual(['firing b critical', 'resolved b critical']);
  });

  test('tries again with growing pauses until it is taken, and says so once', async () => {
    const { clock, channel, said, sent, last } = rig();
    channel.offer({ alert: alert('a') });
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 9; attempt += 1) {
      await last(500);
      let waited = 0;
      while (sent.length === attempt) {
        clock.advance(250);
        waited += 250;
      }
      pauses.push(waited);
    }
    expect(pauses).toEqual([750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000, 45_000]);
    await last(200);
    expect(said).toEqual([
      'warn alerts.webhooks[0]: an alert is not delivered: status 500; tried again until it is taken',
      'info alerts.webhooks[0]: alerts are delivered again',
    ]);
  });

  test('leaves the other side alone for as long as it asks, a quarter of an hour at most', async () => {
    const { clock, channel, sent } = rig();
    channel.offer({ alert: alert('a') });
    await sent[0]?.answer({ status: 429, retryAfterMs: 30_000 });
    channel.offer({ alert: alert('b') });
    clock.advance(29_999);
    expect(sent).toHaveLength(1);
    clock.advance(1);
    expect(sent).toHaveLength(2);
    await sent[1]?.answer({ status: 503, retryAfterMs: 86_400_000 });
    clock.advance(900_000);
    expect(sent).toHaveLength(3);
  });

  test.each([301, 400, 401, 403, 404, 410])('does not repeat what is refused for good (%i), and goes on with the next', async (status) => {
    const { channel, said, whats, last } = rig();
    channel.offer({ alert: alert('a') });
    channel.offer({ alert: alert('b') });
    await last(status);
    expect(whats()).toEqual(['firing a critical', 'firing b critical']);
    await last(status);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`refused with status ${status}`);
    // It knows of nothing that could be over.
    channel.offer({ alert: over('a') });
    expect(channel.waiting).toBe(0);
  });

  test('does not deliver what is over before it could be delivered', async () => {
    const { clock, channel, whats, last } = rig();
    channel.offer({ alert: alert('a') });
    await last(failed('ECONNREFUSED'));
    channel.offer({ alert: over('a') });
    clock.advance(60_000);
    expect([whats(), channel.waiting]).toEqual([['firing a critical'], 0]);
  });

  test('tells the end of what may have been delivered, and in their order', async () => {
    const { clock, channel, whats, last } = rig();
    channel.offer({ alert: alert('a') });
    await last(failed('ETIMEDOUT'));
    channel.offer({ alert: over('a') });
    clock.advance(60_000);
    await last(200);
    expect([whats(), channel.waiting]).toEqual([['firing a critical', 'resolved a critical'], 0]);
  });

  test('tells the end of what is under way when it is over, only if it was taken', async () => {
    const taken = rig();
    taken.channel.offer({ alert: alert('a') });
    taken.channel.offer({ alert: over('a') });
    await taken.last(200);
    expect(taken.whats()).toEqual(['firing a critical', 'resolved a critical']);
    const refused = rig();
    refused.channel.offer({ alert: alert('a') });
    refused.channel.offer({ alert: over('a') });
    await refused.last(failed('ECONNREFUSED'));
    refused.clock.advance(60_000);
    expect([refused.whats(), refused.channel.waiting]).toEqual([['firing a critical'], 0]);
  });

  test('honours what the other side asks for even when what it was sent has become worse meanwhile', async () => {
    const { clock, channel, sent, whats } = rig();
    channel.offer({ alert: alert('a', { severity: 'warning' }) });
    channel.offer({ alert: alert('a') });
    await sent[0]?.answer({ status: 429, retryAfterMs: 30_000 });
    clock.advance(29_000);
    expect(sent).toHaveLength(1);
    clock.advance(1_000);
    expect(whats()).toEqual(['firing a warning', 'firing a critical']);
  });

  test('drops the oldest of too many, counts them and says so once', async () => {
    const { clock, channel, said, last, whats } = rig();
    channel.offer({ alert: alert('first') });
    await last(500);
    for (let each = 0; each < 150; each += 1) channel.offer({ alert: alert(`${each}`) });
    expect([channel.waiting, channel.dropped]).toEqual([100, 51]);
    expect(said.filter((text) => text.includes('dropped'))).toHaveLength(1);
    clock.advance(2_000);
    expect(whats().at(-1)).toBe('firing 50 critical');
  });

  test('gives up an end that nobody takes for an hour', async () => {
    const { clock, channel, last } = rig();
    channel.offer({ alert: alert('a') });
    await last(200);
    channel.offer({ alert: over('a') });
    for (let each = 0; each < 70; each += 1) {
      await last(500);
      clock.advance(60_000);
    }
    await last(500);
    expect([channel.waiting, channel.dropped]).toEqual([0, 1]);
  });

  test('reminds PagerDuty of what lasts, and nobody else', async () => {
    for (const type of ['pagerduty', 'slack'] as const) {
      const { clock, channel, whats, last } = rig({ type });
      channel.offer({ alert: alert('a') });
      await last(202);
      for (let each = 0; each < 11; each += 1) {
        clock.advance(60_000);
        channel.remind([alert('a'), alert('never told')]);
      }
      expect(whats()).toEqual(type === 'slack' ? ['firing a critical'] : ['firing a critical', 'firing a critical']);
    }
  });

  test('at the end sends what waits, each once more, and holds the process no longer than it may', async () => {
    const { clock, channel, sent, whats, last } = rig();
    channel.offer({ alert: alert('a') });
    await last(500);
    channel.offer({ alert: alert('b') });
    const flushed = channel.flush(1_500);
    expect(whats().at(-1)).toBe('firing a critical');
    expect(sent.at(-1)?.held).toBe(true);
    await last(500);
    expect(whats().at(-1)).toBe('firing b critical');
    await last(200);
    await flushed;
    channel.offer({ alert: alert('c') });
    expect(sent).toHaveLength(3);
    expect(clock.pendingTimers).toBe(0);

    const hanging = rig();
    hanging.channel.offer({ alert: alert('a') });
    const given = hanging.channel.flush(1_500);
    hanging.clock.advance(1_500);
    await given;
    expect(hanging.sent[0]?.abandoned).toBe(true);
    await hanging.last(failed('ECONNRESET'));
    expect(hanging.said).toEqual([]);
  });
});
