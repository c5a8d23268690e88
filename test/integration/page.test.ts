import { setTimeout as sleep } from 'node:timers/promises';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/servers/free-port.ts';
import { startRedis } from '../support/servers/redis.ts';
import { requireServer } from '../support/servers/require-server.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

const secret = 'correct-horse-battery';
const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
let browser: Browser;
let redis: ServerHandle;
let app: SpawnedApp | undefined;
let page: Page;
let calling: AbortController;
let origin: string;
/** What a page that is in order never does. */
const complaints: string[] = [];

beforeAll(async () => {
  const executablePath = requireServer('chromium');
  redis = await startRedis();
  browser = await chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu', ...quiet] });
});

afterAll(async () => {
  await browser?.close();
  await redis?.stop();
});

afterEach(async () => {
  calling?.abort();
  await page?.context().close();
  await app?.stop();
  app = undefined;
});

/** A service with traffic, and its page. */
async function open(viewport = { width: 1280, height: 800 }): Promise<void> {
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  const started = await spawnApp('register/app.mjs', {
    imports: ['otel-breaker/register'],
    env: {
      REDIS_PORT: String(redis.port),
      PG_PORT: '1',
      OTEL_SERVICE_NAME: 'shop',
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_BREAKER_MANAGEMENT_PORT: String(port),
      OTEL_BREAKER_ADMIN_TOKEN: `ops:${secret}`,
    },
  });
  app = started;
  calling = new AbortController();
  void keepCalling(started, calling.signal);
  complaints.length = 0;
  page = await browser.newPage({ viewport });
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) complaints.push(`foreign: ${request.url()}`);
  });
  await page.goto(origin);
  await page.getByText('live', { exact: true }).waitFor();
}

async function keepCalling(service: SpawnedApp, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await service.call('call', '/redis').catch(() => {});
    await sleep(50);
  }
}

/** The row of a circuit, by what its state says. */
function row(state: string): Locator {
  return page.getByRole('row', { name: /^redis:.* read/ }).filter({ hasText: state });
}

describe('the live page, in a browser', () => {
  it('shows an outage as it happens, and its end', async () => {
    await open();
    await row('Closed').waitFor();
    await redis.kill();
    try {
      await row('Open').waitFor({ timeout: 20_000 });
      await page.getByRole('log').getByText('Closed to Open').first().waitFor({ state: 'attached' });
      await page
        .getByText(/^Open since .* \(/)
        .first()
        .waitFor();
      expect(await page.title()).toMatch(/^\(\d open\) shop/);
    } finally {
      await redis.restart();
    }
    await row('Closed').waitFor({ timeout: 60_000 });
    expect(complaints).toEqual([]);
  });

  it('forces a circuit open and releases it, by keyboard, with a question before and the token in this tab only', async () => {
    await open();
    const button = page.getByRole('button', { name: /^redis:.* read$/ });
    await button.focus();
    await page.keyboard.press('Enter');
    expect(await button.getAttribute('aria-expanded')).toBe('true');

    await page.getByRole('button', { name: 'Force open' }).press('Enter');
    await page.getByRole('dialog', { name: 'Token' }).getByLabel('Secret').fill(secret);
    await page.keyboard.press('Enter');
    const question = page.getByRole('dialog', { name: /^Force open: redis:/ });
    await question.getByText('Every call is refused').waitFor();
    await question.getByRole('button', { name: 'Cancel' }).click();
    expect(await row('Closed').count()).toBe(1);

    await page.getByRole('button', { name: 'Force open' }).click();
    await question.getByLabel('Reason').fill('game day');
    await question.getByRole('button', { name: 'Force open' }).click();
    await row('Forced open').waitFor();
    expect((await (app as SpawnedApp).get<{ status: number }>('call', '/redis')).status).toBe(503);
    await page.getByRole('region', { name: 'What happened' }).getByText('by ops: game day').first().waitFor();

    await page.getByRole('button', { name: 'Release', exact: true }).click();
    await row('Closed').waitFor();
    expect((await (app as SpawnedApp).get<{ status: number }>('call', '/redis')).status).toBe(200);
    const name = await page.getByRole('button', { name: /^redis:.* read$/ }).textContent();
    expect(await page.evaluate('[localStorage.length, document.cookie, location.href].join()')).toBe(
      `0,,${origin}/#${encodeURIComponent(name ?? '')}`,
    );
    expect(complaints).toEqual([]);
  });

  it('fits a phone, and says when the service is gone', async () => {
    await open({ width: 390, height: 844 });
    await page.getByRole('button', { name: /^redis:.* read$/ }).click();
    await page.getByRole('button', { name: 'Force open' }).waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
    expect(complaints).toEqual([]);
    calling.abort();
    await (app as SpawnedApp).stop();
    await page.getByText('not live', { exact: true }).waitFor({ timeout: 15_000 });
  });
});
