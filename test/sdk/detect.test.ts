import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { metrics, trace } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decideSdk, isSdkRegistered, type ProcessFacts } from '../../src/sdk/detect.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'otel-breaker-detect-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  trace.disable();
  metrics.disable();
});

/** A program in a folder of its own, with the given dependencies. */
function facts(overrides: Partial<ProcessFacts> & { dependencies?: string[] } = {}): ProcessFacts {
  const { dependencies = [], ...rest } = overrides;
  const main = join(folder, 'src', 'app.js');
  mkdirSync(join(folder, 'src'), { recursive: true });
  writeFileSync(main, '');
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies: Object.fromEntries(dependencies.map((name) => [name, '*'])) }));
  return { env: {}, execArgv: ['--import', 'otel-breaker/register'], main, cwd: folder, ...rest };
}

describe('whether the process needs an SDK from us', () => {
  it('sets one up for a program that has none', () => {
    expect(decideSdk('auto', facts({ dependencies: ['ioredis', 'pg', '@opentelemetry/api', '@opentelemetry/semantic-conventions'] }))).toMatchObject({
      start: true,
    });
  });

  it.each([
    '@opentelemetry/sdk-node',
    '@opentelemetry/sdk-trace-node',
    '@opentelemetry/sdk-trace',
    '@opentelemetry/sdk-metrics',
    '@opentelemetry/auto-instrumentations-node',
    '@azure/monitor-opentelemetry',
    '@honeycombio/opentelemetry-node',
    '@splunk/otel',
    '@sentry/node',
    'dd-trace',
    'newrelic',
    'elastic-apm-node',
  ])('leaves it to a program that depends on %s', (dependency) => {
    expect(decideSdk('auto', facts({ dependencies: ['express', dependency] }))).toMatchObject({ start: false, expected: true });
  });

  it('leaves it to a preload that brings one, on the command line or in NODE_OPTIONS, before or after us', () => {
    const auto = '@opentelemetry/auto-instrumentations-node/register';
    for (const given of [
      { execArgv: ['--import', 'otel-breaker/register', '--import', auto] },
      { execArgv: [`--import=${auto}`] },
      { execArgv: ['-r', auto] },
      { env: { NODE_OPTIONS: `--max-old-space-size=400 --require ${auto}` } },
      { env: { NODE_OPTIONS: `--import "${auto}"` } },
    ]) {
      expect(decideSdk('auto', facts(given)), JSON.stringify(given)).toMatchObject({ start: false, expected: true });
    }
  });

  it("looks into a preload of the user's own", () => {
    const withSdk = facts({ execArgv: ['--import', './instrumentation.mjs'] });
    writeFileSync(join(folder, 'instrumentation.mjs'), "import { NodeSDK } from '@opentelemetry/sdk-node';");
    expect(decideSdk('auto', withSdk)).toMatchObject({ start: false });
    writeFileSync(join(folder, 'instrumentation.mjs'), "console.log('hello');");
    expect(decideSdk('auto', withSdk)).toMatchObject({ start: true });
  });

  it('sets none up beside one that is registered, for traces or for metrics alone', () => {
    expect(isSdkRegistered()).toBe(false);
    trace.setGlobalTracerProvider(new NodeTracerProvider());
    expect(decideSdk('auto', facts())).toMatchObject({ start: false });
    trace.disable();
    metrics.setGlobalMeterProvider(new MeterProvider());
    expect(isSdkRegistered()).toBe(true);
    expect(decideSdk('on', facts())).toMatchObject({ start: false });
  });

  it.each([
    '/usr/bin/npm',
    '/usr/lib/node_modules/npm/bin/npm-cli.js',
    '/x/npx-cli.js',
    '/x/yarn.js',
    '/x/pnpm.cjs',
    '/x/node_modules/tsx/dist/cli.mjs',
    '/x/nodemon.js',
  ])('leaves the port of the metrics to the service that %s starts', (main) => {
    expect(decideSdk('auto', facts({ main }))).toMatchObject({ start: false, expected: false });
    expect(decideSdk('on', facts({ main }))).toMatchObject({ start: false });
  });

  it('does as it is told', () => {
    expect(decideSdk('off', facts())).toMatchObject({ start: false, expected: false });
    expect(decideSdk('on', facts({ dependencies: ['@opentelemetry/sdk-node'] }))).toMatchObject({ start: true });
    expect(decideSdk('on', facts({ env: { OTEL_SDK_DISABLED: 'true' } }))).toMatchObject({ start: false, expected: false });
  });

  it('guesses without falling over where there is no main file, no package.json or a broken one', () => {
    expect(decideSdk('auto', facts({ main: undefined }))).toMatchObject({ start: true });
    expect(decideSdk('auto', facts({ main: join(folder, 'missing.js') }))).toMatchObject({ start: true });
    const broken = facts();
    writeFileSync(join(folder, 'package.json'), '{');
    expect(decideSdk('auto', broken)).toMatchObject({ start: true });
  });
});
