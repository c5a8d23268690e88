// What a fresh clone needs before anything of it runs. Plain Node: there may be no node_modules yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureServers } from './ensure-servers.mjs';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a command of this repository with its output shown; true when it ended well. @param {string} command @param {string[]} args */
export function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  if (error) console.error(`${command}: ${error.message}`);
  return status === 0;
}

/** The way to a tool of the development dependencies. @param {string} name */
export function tool(name) {
  return join(root, 'node_modules', '.bin', name);
}

/** Installs dependencies when there are none or when they are not those of package-lock.json; then the servers. @param {{ tests?: boolean, prometheus?: boolean }} [servers] @returns {boolean} */
export function bootstrap(servers = {}) {
  if (!dependenciesAreInstalled()) {
    console.log('Installing dependencies: npm ci');
    if (!run('npm', ['ci', '--no-audit', '--no-fund'])) {
      console.error('npm ci failed.');
      return false;
    }
  }
  return ensureServers(servers);
}

/** @returns {boolean} */
function dependenciesAreInstalled() {
  const installedFile = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const wanted = packages(join(root, 'package-lock.json'));
  const installed = packages(installedFile);
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    // '' is this package itself. What is optional may be for another platform.
    if (path === '' || (optional && installed[path] === undefined)) return true;
    return installed[path]?.version === version && existsSync(join(root, path));
  });
}

/** @param {string} file @returns {Record<string, { version?: string, optional?: boolean }>} */
function packages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}
