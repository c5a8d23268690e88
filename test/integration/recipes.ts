import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository, type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

export interface Recipe {
  /** The file `otel-breaker.yaml`, as it stands in the README. */
  readonly yaml: string;
  /** The application, as it stands in the README. */
  readonly code: string;
}

/** A recipe of the README, by its heading. */
export function recipe(title: string): Recipe {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  const section = readme.split(`\n#### ${title}\n`)[1]?.split(/^#+ /m)[0] ?? '';
  const block = (language: string): string => new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'ms').exec(section)?.[1] ?? '';
  const found = { yaml: block('yaml'), code: block('js') };
  if (found.yaml === '' || found.code === '') throw new Error(`the README has no recipe "${title}" of a yaml and a js block`);
  return found;
}

/** A user's folder: the application, its packages and its configuration. */
export interface Kitchen extends AsyncDisposable {
  readonly folder: string;
  /** Saves the configuration as editors do; `undefined` removes it. */
  configure(yaml: string | undefined): void;
  /** Runs the recipe's code; its exports are the operations. */
  start(env: Readonly<Record<string, string>>, protection?: 'protected' | 'bare'): Promise<SpawnedApp>;
}

/** What applications have installed. */
const packages = ['ioredis', 'pg', 'classic-level', '@opentelemetry'];

export function kitchen({ code }: Recipe): Kitchen {
  const folder = mkdtempSync(join(tmpdir(), 'otel-breaker-recipe-'));
  const apps: SpawnedApp[] = [];
  mkdirSync(join(folder, 'node_modules'));
  for (const name of packages) symlinkSync(join(repository, 'node_modules', name), join(folder, 'node_modules', name));
  symlinkSync(repository, join(folder, 'node_modules/otel-breaker'));
  writeFileSync(join(folder, 'recipe.mjs'), code);
  const file = join(folder, 'otel-breaker.yaml');
  return {
    folder,
    configure(yaml) {
      if (yaml === undefined) return rmSync(file, { force: true });
      writeFileSync(`${file}.new`, yaml);
      renameSync(`${file}.new`, file);
    },
    async start(env, protection = 'protected') {
      const app = await spawnApp('recipes/app.mjs', {
        imports: protection === 'protected' ? ['otel-breaker/register'] : [],
        args: [join(folder, 'recipe.mjs')],
        cwd: folder,
        env: { ...env, OTEL_BREAKER_SDK: 'off' },
      });
      apps.push(app);
      return app;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(apps.map((app) => app.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
