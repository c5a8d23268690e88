import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { pageAssets } from '../../src/management/page/assets.ts';
import type { FaultSource, HealthSource } from '../../src/management/ports.ts';
import { createManagementServer } from '../../src/management/server.ts';
import type { AlertView, FaultRequest } from '../../src/management/wire.ts';
import { Registry } from '../../src/registry/registry.ts';
import { ManualClock } from '../../src/testing.ts';
import { requireServer } from '../support/servers/require-server.ts';

export const secret = 'correct-horse-battery';

const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

export function launchBrowser(): Promise<Browser> {
  const executablePath = requireServer('chromium');
  return chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu', ...quiet] });
}

class DownError extends Error {
  readonly code: string;

  constructor(code: string) {
    super('down');
    this.code = code;
  }
}

/** A management server over real breakers in this process, whose past takes no time: what is behind it is made up by the test. */
export class PageWorld {
  readonly clock = new ManualClock(1_000_000);
  readonly registry = new Registry({ clock: this.clock });
  readonly faults: FaultRequest[] = [];
  readonly #alerts: AlertView[] = [];
  readonly #server: ReturnType<typeof createManagementServer>;
  #timer: NodeJS.Timeout | undefined;

  constructor(health?: HealthSource) {
    const faults: FaultSource = { refused: undefined, inject: (request) => void this.faults.push(request), list: () => [] };
    this.#server = createManagementServer(this.registry, {
      port: 0,
      service: 'shop',
      tokens: [{ name: 'ops', secret }],
      page: () => Promise.resolve(pageAssets),
      alerts: { alerts: () => this.#alerts, on: () => ({ [Symbol.dispose]: () => {} }) },
      faults,
      ...(health !== undefined && { health }),
    });
  }

  get origin(): string {
    return this.#server.url ?? '';
  }

  /** Calls of a circuit, answered at once. @param failing which of them fail, 0 to 1 */
  calls(name: string, number: number, failing = 0, code = 'ECONNREFUSED'): void {
    const [scheme, rest = '', operation] = name.split(/:\/\/| /);
    const breaker = this.registry.get(
      name,
      scheme === undefined || rest === '' ? {} : { system: scheme, server: `${scheme}://${rest}`, ...(operation !== undefined && { operation }) },
    );
    for (let call = 0; call < number; call += 1) {
      const permit = breaker.tryAcquire();
      if (Math.floor((call + 1) * failing) > Math.floor(call * failing)) permit?.fail(new DownError(code));
      else permit?.succeed();
    }
  }

  alert(alert: Partial<AlertView> & Pick<AlertView, 'id' | 'severity' | 'summary'>): void {
    this.#alerts.push({ name: alert.id, state: 'firing', since: new Date().toISOString(), ...alert });
  }

  /** Begins to serve; from now on time goes by as for everybody. */
  async start(): Promise<void> {
    await this.#server.listen();
    this.#timer = setInterval(() => this.clock.advance(100), 100);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#server.close();
  }
}

/** Opens the page; what a page that is in order never does is in `complaints`. */
export async function openPage(
  browser: Browser,
  origin: string,
  complaints: string[],
  options: BrowserContextOptions = {},
  path = '/',
): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, ...options });
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) complaints.push(`foreign: ${request.url()}`);
  });
  await page.goto(origin + path);
  await page.getByText('live', { exact: true }).waitFor();
  return page;
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds wrong: rules of WCAG 2.2 A and AA, contrast among them, and best practice. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 160) + ' ' + failureSummary)))`,
  );
}
