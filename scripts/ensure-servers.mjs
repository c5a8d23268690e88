// Makes sure that redis-server, PostgreSQL and Prometheus are there, for the tests and the demo. Plain Node, no dependency.
import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const needed = [
  { binary: 'redis-server', package: 'redis-server' },
  { binary: 'postgres', package: 'postgresql' },
];
// With promtool, which checks and tests the alerting rules.
const prometheusServer = { binary: 'prometheus', package: 'prometheus' };
const neededByTests = [
  ...needed,
  prometheusServer,
  // For certificates of the tests' own.
  { binary: 'openssl', package: 'openssl' },
  // In which the live page is tried.
  { binary: 'chromium', package: 'chromium' },
];

/** Installs what is missing when run as root where there is apt-get; otherwise says what to type. @param {{ tests?: boolean, prometheus?: boolean }} [what] for the tests as well (default), or for the demo only, with or without Prometheus @returns {boolean} all there */
export function ensureServers({ tests = true, prometheus = false } = {}) {
  const wanted = tests ? neededByTests : prometheus ? [...needed, prometheusServer] : needed;
  const missing = missingPackages(wanted);
  if (missing.length === 0) return true;
  const root = process.getuid?.() === 0;
  if (!root || !onPath('apt-get')) {
    const sudo = root ? '' : 'sudo ';
    console.error(`The tests and the demo run on real servers, and these are missing: ${missing.join(', ')}. Install them with:`);
    console.error(`  ${sudo}apt-get update && ${sudo}apt-get install -y ${missing.join(' ')}`);
    if (!onPath('apt-get'))
      console.error(
        '(or with what this system has in place of apt-get), so that redis-server, initdb, postgres, prometheus and promtool are on PATH',
      );
    return false;
  }
  console.log(`Installing ${missing.join(' and ')}`);
  if (!withoutServices(() => apt('update') && apt('install', '-y', '--no-install-recommends', ...missing))) return false;
  const still = missingPackages(wanted);
  if (still.length > 0) console.error(`apt-get succeeded, but not found: ${still.join(', ')}`);
  return still.length === 0;
}

/** @param {{ binary: string, package: string }[]} wanted */
function missingPackages(wanted) {
  return wanted.filter(({ binary }) => !onPath(binary) && !(binary === 'postgres' && debianPostgres())).map((each) => each.package);
}

/** @param {string} binary */
function onPath(binary) {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => executable(join(directory, binary)));
}

/** Debian keeps the binaries of each version in a directory that is not on PATH. */
function debianPostgres() {
  const home = '/usr/lib/postgresql';
  return existsSync(home) && readdirSync(home).some((version) => executable(join(home, version, 'bin', 'postgres')));
}

/** @param {string} path */
function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {...string} args */
function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync('apt-get', ['-q', ...args], { stdio: ['ignore', 'inherit', 'inherit'], env });
  if (status !== 0) console.error(`apt-get ${args.join(' ')} failed`);
  return status === 0;
}

/**
 * Runs the installation such that its packages neither start a service nor make a database cluster; what was written for
 * that is taken away again. Files that exist are the machine's own decision and stay as they are.
 * @param {() => boolean} install
 */
function withoutServices(install) {
  const undo = [
    temporaryFile('/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', 0o755),
    temporaryFile('/etc/postgresql-common/createcluster.conf', 'create_main_cluster = false\n', 0o644),
  ];
  try {
    return install();
  } finally {
    for (const each of undo) each();
  }
}

/** @param {string} path @param {string} content @param {number} mode @returns {() => void} takes it away again */
function temporaryFile(path, content, mode) {
  if (existsSync(path)) return () => {};
  const directory = dirname(path);
  const made = !existsSync(directory);
  if (made) mkdirSync(directory, { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
  return () => {
    // The package's own version, which it put beside ours, takes its place.
    if (existsSync(`${path}.ucf-dist`)) renameSync(`${path}.ucf-dist`, path);
    else unlinkSync(path);
    // Only when the installation put nothing else there.
    if (made && readdirSync(directory).length === 0) rmdirSync(directory);
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href && !ensureServers()) process.exitCode = 1;
