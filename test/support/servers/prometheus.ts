import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from './free-port.ts';
import { requireServer } from './require-server.ts';
import { type ServerHandle, ServerProcess } from './server-process.ts';

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  /** Those that are numbers. */
  readonly values: readonly number[];
}

export interface AlertSeen {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

export interface RuleGroupSeen {
  readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[];
}

export interface PrometheusHandle extends ServerHandle {
  readonly url: string;
  /** Series with at least one number. @throws what Prometheus says against the query */
  query(expr: string): Promise<Sample[]>;
  /** The same over the last so many seconds, one step a second. */
  queryRange(expr: string, seconds: number): Promise<Sample[]>;
  alerts(): Promise<AlertSeen[]>;
  ruleGroups(): Promise<RuleGroupSeen[]>;
}

type Answer<T> = { readonly status: 'success'; readonly data: T } | { readonly status: 'error'; readonly error: string };
type Series = {
  readonly metric: Record<string, string>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
};

/**
 * A Prometheus of its own, with its storage in a folder that goes with it.
 * @param seconds between scrapes and evaluations, and how long a scrape may take: one that is late ends every series, and begins every alert's `for` anew
 */
export async function startPrometheus(scrapeConfigs: readonly object[], ruleFiles: readonly string[], seconds = 1): Promise<PrometheusHandle> {
  const command = requireServer('prometheus');
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'otel-breaker-prometheus-'));
  await mkdir(join(directory, 'data'));
  const every = { scrape_interval: `${seconds}s`, scrape_timeout: `${seconds}s`, evaluation_interval: `${seconds}s` };
  const configuration = { global: every, rule_files: ruleFiles, scrape_configs: scrapeConfigs };
  await writeFile(join(directory, 'prometheus.yml'), stringify(configuration));
  const url = `http://127.0.0.1:${port}`;

  async function ask<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
    const answer = (await (await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)).json()) as Answer<T>;
    if (answer.status === 'error') throw new Error(`${answer.error} in ${parameters['query'] ?? path}`);
    return answer.data;
  }
  const numbers = ({ result }: { result: readonly Series[] }): Sample[] =>
    result
      .map(({ metric, value, values }) => ({
        metric,
        values: (values ?? (value === undefined ? [] : [value])).map(([, text]) => Number(text)).filter(Number.isFinite),
      }))
      .filter((each) => each.values.length > 0);

  const server = await ServerProcess.start({
    name: 'prometheus',
    command,
    args: [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    port,
    directory,
    ready: async () => {
      const { ok, status } = await fetch(`${url}/-/ready`);
      if (!ok) throw new Error(`answered ${status}`);
    },
  });
  return Object.assign(server, {
    url,
    query: async (query: string) => numbers(await ask('query', { query })),
    queryRange: async (query: string, seconds: number) => {
      const end = Date.now() / 1_000;
      return numbers(await ask('query_range', { query, start: `${end - seconds}`, end: `${end}`, step: '1' }));
    },
    alerts: async () => (await ask<{ alerts: AlertSeen[] }>('alerts')).alerts,
    ruleGroups: async () => (await ask<{ groups: RuleGroupSeen[] }>('rules')).groups,
  });
}
