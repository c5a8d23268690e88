import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Report } from './report.ts';

const run = promisify(execFile);

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Compiled engine and workers, and the last results; not in git. */
export const output = join(root, '.bench');
export const registerFile = join(output, 'instrumentations/register.js');
/** The same as it is published: in few files. */
export const publishedRegisterFile = join(output, 'package/instrumentations/register.js');

/** What is measured is what is published: plain JavaScript by the compiler, no loader's helpers in it. */
export async function compile(): Promise<void> {
  mkdirSync(output, { recursive: true });
  const compiler = [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'test/bench/tsconfig.json')];
  // Types are checked elsewhere: an error there leaves working JavaScript here.
  await run(process.execPath, compiler, { cwd: root }).catch(({ stdout }: { stdout?: string }) => console.error(stdout));
}

/** Builds what is published. */
export async function bundle(): Promise<void> {
  const builder = [join(root, 'scripts/build.mjs'), '--out', join(output, 'package')];
  await run(process.execPath, builder, { cwd: root }).catch(({ stdout }: { stdout?: string }) => console.error(stdout));
}

export function workerFile(name: string): string {
  return join(output, 'test/bench/workers', `${name}.js`);
}

/** The environment of this process without what would change the measured one. */
export function cleanEnvironment(added: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([key]) => !/^(OTEL_|NODE_OPTIONS$|npm_)/.test(key));
  return { ...Object.fromEntries(inherited), ...added };
}

/** Runs a worker to its end. @returns what its last line says, as JSON */
export async function runWorker<T>(name: string, args: readonly string[] = [], nodeArgs: readonly string[] = []): Promise<T> {
  const { stdout } = await run(process.execPath, [...nodeArgs, workerFile(name), ...args], {
    cwd: root,
    env: cleanEnvironment(),
    maxBuffer: 64_000_000,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

export function save(name: string, content: string): string {
  const path = join(output, name);
  writeFileSync(path, content);
  return path;
}

/** The last report of each part that has been run. */
export function keptReports(parts: readonly string[]): Report[] {
  const files = parts.map((part) => join(output, `${part}.json`)).filter((file) => existsSync(file));
  return files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report);
}
