// `npm run screenshots [-- --minutes 10]`: the pictures of the README, from the demo's shop while its Redis is dead. The charts
// show a quarter of an hour, so it runs for some minutes, with two short outages of others, before. Where there is a pngquant
// the pictures are a third as large.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';
import { requireServer } from '../../test/support/servers/require-server.ts';
import { startLoad } from '../demo/load.ts';
import { startWorld, type World } from '../demo/world.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const minuteMs = 60_000;
const calmMs = Math.max(0.5, Number(values.minutes) / 4) * minuteMs;
const requestsPerSecond = 30;
/** So long Redis has been dead when the pictures are taken. */
const deadMs = 45_000;

const pictures = [
  { name: 'page-laptop-light', viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
  { name: 'page-laptop-dark', viewport: { width: 1280, height: 860 }, colorScheme: 'dark' },
  { name: 'page-phone-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
] as const;

async function play({ postgres, upstream, redis }: World): Promise<void> {
  await sleep(calmMs);
  postgres.freeze();
  await sleep(12_000);
  postgres.thaw();
  await sleep(calmMs);
  upstream.behave({ mode: 'status', status: 503 });
  await sleep(25_000);
  upstream.behave({ mode: 'ok' });
  await sleep(calmMs * 2);
  await redis.kill();
  await sleep(deadMs);
}

async function open(browser: Browser, world: World, { viewport, colorScheme }: (typeof pictures)[number]): Promise<Page> {
  const page = await browser.newPage({ viewport, colorScheme });
  await page.goto(world.managementUrl);
  await page
    .getByText(/^Open since/)
    .first()
    .waitFor();
  // The past comes a little later than the present.
  await sleep(5_000);
  return page;
}

function write(name: string, png: Uint8Array): void {
  const file = join(import.meta.dirname, `${name}.png`);
  writeFileSync(file, png);
  const { status } = spawnSync('pngquant', ['--force', '--ext', '.png', '--speed', '1', '--strip', file]);
  console.log(`${basename(file)}: ${Math.round(statSync(file).size / 1_024)} kB${status === 0 ? '' : ', not made smaller: no pngquant here'}`);
  if (readFileSync(file).length > 150_000) process.exitCode = 1;
}

const executablePath = requireServer('chromium');
const world = await startWorld();
const load = startLoad([world.with.port], requestsPerSecond);
try {
  await play(world);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  for (const picture of pictures) {
    const page = await open(browser, world, picture);
    write(picture.name, await page.screenshot());
    await page.close();
  }
  await browser.close();
} finally {
  load.stop();
  await world.stop();
}
