// Writes Grafana's dashboards and Prometheus' rules from the names of telemetry: `npm run dashboards`. A test holds them up to date.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dashboardJson, dashboardNames, rulesYaml } from '../src/observability/print.ts';
import { metricSources } from '../src/observability/prometheus-names.ts';

/** Each file by its path below `examples/`. */
export async function files(): Promise<Record<string, string>> {
  const made: Record<string, string> = {};
  for (const source of metricSources) {
    for (const name of dashboardNames) made[`grafana/${source}/${name}.json`] = dashboardJson(name, source);
    made[`prometheus/rules-${source}.yaml`] = await rulesYaml(source);
  }
  return made;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const examples = fileURLToPath(new URL('../examples', import.meta.url));
  for (const [path, content] of Object.entries(await files())) {
    mkdirSync(dirname(join(examples, path)), { recursive: true });
    writeFileSync(join(examples, path), content);
  }
}
