import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../support/spawn-app.ts';

/** What users read: the README, and where it sends them for more. */
export const files = [
  'README.md',
  'src/policies/README.md',
  'src/health/README.md',
  'src/alerts/README.md',
  'instrumentations/README.md',
  'examples/runbooks.md',
  'examples/game-days.md',
];
export const documents = files.map((file) => readFileSync(join(repository, file), 'utf8'));
