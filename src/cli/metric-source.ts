import type { Flag, Invocation } from './command.ts';
import { usageError } from './exit-codes.ts';

const sources = ['scrape', 'otlp'] as const;

/** Of commands that print what Prometheus or Grafana read. */
export const sourceFlag: Flag = {
  type: 'string',
  value: `<${sources.join('|')}>`,
  help: 'how the metrics come to Prometheus: scraped from the service (default), or by OTLP',
};

/** @throws CliError when there is no such source */
export function sourceOf({ option }: Pick<Invocation, 'option'>): (typeof sources)[number] {
  const given = option('source') ?? 'scrape';
  const source = sources.find((each) => each === given);
  if (source === undefined) throw usageError(`--source is '${given}'; allowed: ${sources.join(', ')}`);
  return source;
}
