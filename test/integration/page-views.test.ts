import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HealthSource } from '../../src/management/ports.ts';
import { launchBrowser, openPage, PageWorld, secret, violations } from './page-world.ts';

const read = 'redis://10.0.0.5:6379 read';
const hostile = '<img src=x onerror=alert(1)> "\'&';

let browser: Browser;
let world: PageWorld;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(() => browser?.close());

afterEach(async () => {
  await page?.context().close();
  world?.close();
  complaints.length = 0;
});

const critical: HealthSource = {
  system: () => ({ state: 'critical', reasons: [`${hostile} is down`], dependencies: { total: 3, up: 1 } }),
  live: () => true,
  ready: () => ({ status: 'ready', reasons: [] }),
  checks: () => [],
};

/** Ten minutes of all kinds of circuits, the last of which are an outage. */
function outage(): PageWorld {
  const made = new PageWorld(critical);
  for (let second = 0; second < 600; second += 5) {
    made.calls(read, 20, second < 500 ? 0.1 : 0.9);
    made.calls('https://api.example.com', 20, 0.45, '503');
    made.calls('postgresql://10.0.0.6:5432/shop write', 5);
    made.calls(hostile, 5, 0.2, hostile);
    made.clock.advance(5_000);
  }
  made.registry.get('held').forceOpen(`by ops: ${hostile}`);
  made.registry.get('unprotected').disable('by ops');
  made.registry.get('watched').shadow();
  made.alert({ id: 'failure_rate', severity: 'critical', summary: `${read} fails`, breaker: read });
  made.alert({ id: 'slow', severity: 'warning', summary: hostile, state: 'resolved', resolvedAt: new Date().toISOString() });
  return made;
}

describe('the live page', () => {
  it('has no fault that axe knows of, its contrast included, in light and dark, on a laptop and a phone, in dialogs', async () => {
    world = outage();
    await world.start();
    for (const [width, height] of [
      [1440, 900],
      [390, 844],
    ] as const) {
      page = await openPage(browser, world.origin, complaints, { viewport: { width, height }, colorScheme: 'light' });
      await page.getByRole('button', { name: read }).click();
      await page.getByRole('button', { name: 'Force open' }).waitFor();
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await violations(page), `${width} ${colorScheme}`).toEqual([]);
      }
      await page.getByRole('button', { name: 'Enter token' }).click();
      await page.getByLabel('Secret').fill(secret);
      await page.keyboard.press('Enter');
      for (const name of ['Force closed', 'Inject faults …']) {
        await page
          .getByRole('group', { name: `Control of ${read}` })
          .getByRole('button', { name })
          .click();
        expect(await violations(page), `${width} ${name}`).toEqual([]);
        await page.keyboard.press('Escape');
      }
      if (width === 1440) await page.context().close();
    }
    expect(complaints).toEqual([]);
  });
  it('shows the past at once, trouble first, and goes where an address leads', async () => {
    world = outage();
    await world.start();
    page = await openPage(browser, world.origin, complaints, {}, `/#${encodeURIComponent(read)}`);
    await page.getByRole('img', { name: /Failure ratio of redis.*at most [2-9]\d % in \d+ minutes, limit 50 %/ }).waitFor();
    const names = page.locator('button.name');
    expect((await names.evaluateAll((all) => all.map((each) => each.textContent))).slice(0, 2).sort()).toEqual(['held', read].sort());
    await page
      .getByText(/^Open since .*/)
      .first()
      .waitFor();
    await page.getByRole('searchbox').fill('503');
    await expect.poll(() => names.count()).toBe(1);
    expect(await names.first().textContent()).toBe('https://api.example.com');
    await page.getByRole('searchbox').fill('');
    await page.getByRole('button', { name: /^By hand 3$/ }).click();
    await expect.poll(() => names.count()).toBe(3);
    expect(complaints).toEqual([]);
  });

  it('takes hostile names, reasons and errors for texts', async () => {
    world = outage();
    await world.start();
    page = await openPage(browser, world.origin, complaints);
    await page.getByRole('button', { name: hostile, exact: true }).click();
    await page.getByRole('group', { name: `Details of ${hostile}` }).waitFor();
    expect(await page.getByText(hostile, { exact: false }).count()).toBeGreaterThan(4);
    expect(await page.locator('img').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('asks before faults are injected and modes are set, and sends what was meant, once the token is the right one', async () => {
    world = outage();
    await world.start();
    page = await openPage(browser, world.origin, complaints, { reducedMotion: 'reduce' });
    await page.getByRole('button', { name: read }).click();
    await page
      .getByRole('group', { name: `Control of ${read}` })
      .getByRole('button', { name: 'Inject faults …' })
      .click();
    await page.getByLabel('Secret').fill('wrong-horse-battery');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: `Inject faults: ${read}` });
    await dialog.getByLabel('What').selectOption('latency');
    await dialog.getByLabel('Longer by').fill('250');
    await dialog.getByRole('button', { name: 'Inject faults' }).click();
    await page.getByRole('alert').getByText('that token is not known').waitFor();
    await page.getByLabel('Secret').fill(secret);
    await page.keyboard.press('Enter');
    await expect.poll(() => world.faults).toMatchObject([{ breaker: read, kind: 'latency', share: 0.2, latencyMs: 250, durationMs: 60_000 }]);

    await page.getByRole('group', { name: 'Control of all circuits' }).getByRole('button', { name: 'Mode …', exact: true }).click();
    const mode = page.getByRole('dialog', { name: 'Set the mode' });
    await mode.getByLabel('System').selectOption('postgresql');
    await mode.getByText('1 circuit: postgresql://10.0.0.6:5432/shop write').waitFor();
    await mode.getByRole('button', { name: 'Set mode' }).click();
    await page.getByRole('region', { name: 'What happened' }).getByText('by ops', { exact: true }).first().waitFor();
    expect(
      world.registry
        .list()
        .filter((each) => each.mode === 'shadow')
        .map(({ name }) => name),
    ).toEqual(['postgresql://10.0.0.6:5432/shop write']);
    expect(complaints.filter((each) => !each.includes('401'))).toEqual([]);
  });

  it('is walked by keyboard alone: to a circuit, force it open, release it, with the focus where it was', async () => {
    world = outage();
    await world.start();
    page = await openPage(browser, world.origin, complaints);
    const focused = (): Promise<string> => page.evaluate('document.activeElement.textContent');
    const tabTo = async (label: string): Promise<void> => {
      for (let presses = 0; (await focused()) !== label; presses += 1) {
        if (presses > 60) throw new Error(`no way to ${label}`);
        await page.keyboard.press('Tab');
      }
    };
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the circuits');
    await page.keyboard.press('Enter');
    const name = 'postgresql://10.0.0.6:5432/shop write';
    await tabTo(name);
    await page.keyboard.press('Enter');
    await tabTo('Force open');
    await page.keyboard.press('Enter');
    await page.keyboard.type(secret);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: `Force open: ${name}` }).waitFor();
    await page.keyboard.type('by keyboard');
    await page.keyboard.press('Enter');
    await expect.poll(() => world.registry.get(name).state).toBe('forced_open');
    expect(await focused()).toBe('Force open');
    await page.getByRole('log').getByText(`${name}: Closed to Forced open`).waitFor({ state: 'attached' });
    await page
      .getByText(/^Forced open since .*/)
      .nth(1)
      .waitFor();
    await tabTo('Release');
    await page.keyboard.press('Enter');
    await expect.poll(() => world.registry.get(name).state).toBe('closed');
    expect(complaints).toEqual([]);
  });
});
