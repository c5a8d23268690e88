import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian's package of each server binary: what to install when it is missing. */
const packages = {
  'redis-server': 'redis-server',
  initdb: 'postgresql',
  postgres: 'postgresql',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  chromium: 'chromium',
  openssl: 'openssl',
} as const;

/**
 * The path of a server's binary, from PATH or from where Debian keeps PostgreSQL's (the newest version).
 * @throws when it is not installed, with the command that installs it: a missing server fails a test, it never skips one.
 */
export function requireServer(binary: keyof typeof packages): string {
  for (const directory of [...(process.env['PATH'] ?? '').split(delimiter), ...postgresDirectories()]) {
    const path = join(directory, binary);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there: look on.
    }
  }
  throw new Error(`${binary} is not installed. Install it with: apt-get install -y ${packages[binary]} (or: node scripts/ensure-servers.mjs)`);
}

function postgresDirectories(): string[] {
  try {
    const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join('/usr/lib/postgresql', version, 'bin'));
  } catch {
    return [];
  }
}
