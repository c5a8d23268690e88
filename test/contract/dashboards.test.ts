import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { files } from '../../scripts/generate-dashboards.ts';
import { type MetricKey, metricName, metricSources } from '../../src/observability/prometheus-names.ts';
import { attributes, metrics } from '../../src/telemetry/names.ts';
import { requireServer } from '../support/servers/require-server.ts';
import { root } from './imports.ts';

const run = promisify(execFile);
const example = (path: string): Promise<string> => readFile(join(root, 'examples', path), 'utf8');
const keys = Object.keys(metrics) as MetricKey[];

describe('the names in Prometheus', () => {
  test.each([
    ['status', 'breaker_status', 'breaker_status'],
    ['calls', 'breaker_calls_total', 'breaker_calls_total'],
    ['callDuration', 'breaker_call_duration', 'breaker_call_duration_seconds'],
    ['stateTime', 'breaker_state_time_total', 'breaker_state_time_seconds_total'],
    ['failureRatio', 'breaker_failure_ratio', 'breaker_failure_ratio'],
    ['failureRatioLimit', 'breaker_failure_ratio_limit', 'breaker_failure_limit_ratio'],
    ['slowRatioLimit', 'breaker_slow_ratio_limit', 'breaker_slow_limit_ratio'],
    ['inFlight', 'breaker_in_flight', 'breaker_in_flight'],
    ['queueAge', 'breaker_queue_age', 'breaker_queue_age_seconds'],
    ['retryAttempts', 'breaker_retry_attempts', 'breaker_retry_attempts'],
  ] as const)('of %s are %s when scraped and %s by OTLP', (key, scraped, sent) => {
    expect([metricName(key, 'scrape'), metricName(key, 'otlp')]).toEqual([scraped, sent]);
  });
});

describe('the files in examples', () => {
  test('are what `npm run dashboards` makes', async () => {
    const made = await files();
    for (const [path, content] of Object.entries(made)) expect(await example(path), `${path}: npm run dashboards`).toBe(content);
  });

  test.each(metricSources)('use every metric of %s, and no name or label that does not exist', async (source) => {
    const made = Object.entries(await files()).filter(([path]) => path.includes(source));
    const text = made.map(([, content]) => content).join('\n');
    const parts = (key: MetricKey): string[] => {
      const name = metricName(key, source);
      return metrics[key].kind === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name];
    };
    expect(keys.filter((key) => !parts(key).some((name) => new RegExp(`\\b${name}\\b`).test(text)))).toEqual([]);
    const known = new Set([...keys.flatMap(parts), ...Object.values(attributes).map((each) => each.replaceAll('.', '_'))]);
    // Names of what is recorded have colons.
    const used = new Set(text.match(/(?<![\w:.])breaker_\w+\b(?!:)/g));
    expect([...used].filter((name) => !known.has(name))).toEqual([]);
  });
});

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly options?: Readonly<Record<string, unknown>>;
}

describe.each(['overview', 'circuit'])('the dashboard %s', (name) => {
  let panels: Panel[];
  beforeAll(async () => {
    panels = JSON.parse(await example(`grafana/scrape/${name}.json`)).panels;
  });

  test('explains every panel', () => {
    expect(panels.filter(({ type, description }) => type !== 'row' && !description)).toEqual([]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  test('has no panel over another or beyond the edge', () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      const { x, y, w, h } = gridPos;
      for (let column = x; column < x + w; column++) {
        expect(column, title).toBeLessThan(24);
        for (let line = y; line < y + h; line++) {
          expect(taken.get(`${column} ${line}`), title).toBeUndefined();
          taken.set(`${column} ${line}`, title);
        }
      }
    }
  });

  test("sets only options that Grafana's own description of its panels has", async () => {
    const sdk = {
      stat: await import('@grafana/grafana-foundation-sdk/stat'),
      timeseries: await import('@grafana/grafana-foundation-sdk/timeseries'),
      'state-timeline': await import('@grafana/grafana-foundation-sdk/statetimeline'),
      table: await import('@grafana/grafana-foundation-sdk/table'),
    };
    const unknown = panels.flatMap(({ type, options }) => {
      if (type === 'row') return [];
      const known = Object.keys(sdk[type as keyof typeof sdk].defaultOptions());
      return Object.keys(options ?? {})
        .filter((key) => !known.includes(key))
        .map((key) => `${type}.${key}`);
    });
    expect([...new Set(unknown)]).toEqual([]);
  });
});

describe.each(metricSources)('the rules for %s', (source) => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'otel-breaker-rules-'));
    await writeFile(join(folder, 'rules.yaml'), await example(`prometheus/rules-${source}.yaml`));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('are accepted by promtool', async () => {
    const { stdout } = await run(requireServer('promtool'), ['check', 'rules', join(folder, 'rules.yaml')]);
    expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
  });

  test('fire when they should, and only then', async () => {
    // Written with the names that are scraped.
    const written = (await example('prometheus/rules.test.yaml')).replace('rules-scrape.yaml', 'rules.yaml');
    const translated = [...keys]
      .sort((a, b) => b.length - a.length)
      .reduce(
        (text, key) => text.replaceAll(new RegExp(`series: ${metricName(key, 'scrape')}(?=_bucket|\\{)`, 'g'), `series: ${metricName(key, source)}`),
        written,
      );
    await writeFile(join(folder, 'tests.yaml'), translated);
    const { stdout } = await run(requireServer('promtool'), ['test', 'rules', join(folder, 'tests.yaml')]).catch((error) => error);
    expect(stdout).toMatch(/SUCCESS\s*$/);
  });

  test('have a test for every alert, and tell what to do', async () => {
    interface Rule {
      readonly alert?: string;
      readonly labels?: { readonly severity: string };
      readonly annotations?: Readonly<Record<string, string>>;
    }
    const { groups } = parse(await example(`prometheus/rules-${source}.yaml`)) as { groups: { rules: Rule[] }[] };
    const alerts = groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined);
    const tests = await example('prometheus/rules.test.yaml');
    expect(alerts.filter(({ alert }) => !tests.includes(`alertname="${alert}"`))).toEqual([]);
    for (const { alert, labels, annotations } of alerts) {
      expect(['critical', 'warning', 'info'], alert).toContain(labels?.severity);
      for (const each of ['summary', 'description', 'runbook']) expect(annotations?.[each]?.length, `${alert}: ${each}`).toBeGreaterThan(20);
    }
  });
});

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly volumes?: readonly string[]; readonly depends_on?: readonly string[] | Readonly<Record<string, object>> }>
  >;
}

describe('the compose file', () => {
  let compose: Compose;
  beforeAll(async () => {
    compose = parse(await example('compose.yaml'), { merge: true });
  });

  test('mounts only what is there, and waits only for services that it has', () => {
    const services = Object.values(compose.services);
    const mounted = services.flatMap(({ volumes = [] }) => volumes.map((each) => each.split(':')[0] ?? ''));
    expect(mounted.filter((path) => !existsSync(join(root, 'examples', path)))).toEqual([]);
    const waited = services.flatMap(({ depends_on: on = [] }) => (Array.isArray(on) ? on : Object.keys(on)));
    expect(waited.filter((name) => !Object.hasOwn(compose.services, name))).toEqual([]);
  });

  test('has a Prometheus whose configuration promtool accepts, and addresses that are services', async () => {
    const { stdout } = await run(requireServer('promtool'), ['check', 'config', join(root, 'examples/prometheus/prometheus.yml')]);
    expect(stdout).toContain('2 rule files found');
    const files = ['compose.yaml', 'otel-collector.yaml', 'prometheus/prometheus.yml', 'grafana/provisioning/datasources/prometheus.yaml'];
    const text = (await Promise.all(files.map(example))).join('\n');
    const hosts = [...text.matchAll(/(?:\/\/|@|targets: \[|endpoint: )([a-z][\w-]*):\d+/g)]
      .map(([, host]) => host ?? '')
      .filter((host) => host !== 'localhost');
    expect(hosts.length).toBeGreaterThan(5);
    expect(hosts.filter((host) => !Object.hasOwn(compose.services, host) && !host.includes('@'))).toEqual([]);
  });
});
