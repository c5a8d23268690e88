import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresTemplateVariable } from './servers/postgres.ts';

/** One initdb per run: the first PostgreSQL leaves its fresh data directory here for the others. */
export default async function setup(): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'otel-breaker-run-'));
  process.env[postgresTemplateVariable] = directory;
  return () => rm(directory, { recursive: true, force: true });
}
