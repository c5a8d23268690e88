import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chown, cp, mkdtemp, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { postgresQuery, type Row } from './postgres-wire.ts';
import { requireServer } from './require-server.ts';
import { type ServerHandle, ServerProcess } from './server-process.ts';

const run = promisify(execFile);

/** Names a directory where the first server of a test run leaves a fresh data directory for the others to copy. */
export const postgresTemplateVariable = 'OTEL_BREAKER_TEST_POSTGRES_TEMPLATE';

export interface PostgresOptions {
  /** Default: a free one. */
  port?: number;
  /** Created beside `postgres`. Default `shop`. */
  database?: string;
  /** Statements run in that database before the server is handed over. */
  sql?: string;
  /** Server settings, such as `{ max_connections: '20' }`. */
  settings?: Readonly<Record<string, string>>;
}

export interface PostgresHandle extends ServerHandle {
  readonly database: string;
  /** For clients: user `postgres`, no password. */
  readonly url: string;
  /** Runs a statement past every client library; the rows of the last result as text. */
  query(sql: string): Promise<Row[]>;
}

/** A PostgreSQL of its own. It refuses to run as root: root starts it as the user `postgres`, or `nobody`. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresHandle> {
  const { database = 'shop' } = options;
  const command = requireServer('postgres');
  const port = options.port ?? (await freePort());
  const owner = unprivilegedUser();
  const directory = await mkdtemp(join(tmpdir(), 'otel-breaker-postgres-'));
  if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
  const data = join(directory, 'data');
  await createData(data, owner);

  const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', autovacuum: 'off', ...options.settings };
  const server = await ServerProcess.start({
    name: 'postgres',
    command,
    args: ['-D', data, '-p', `${port}`, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    port,
    directory,
    spawn: { cwd: directory, ...owner },
    // "Fast" shutdown: clients that are still there are sent away.
    stopSignal: 'SIGINT',
    ready: () => postgresQuery(port, 'postgres', 'SELECT 1'),
    afterEnd: () => removeSharedMemory(data),
  });
  const query = (sql: string) => postgresQuery(port, database, sql);
  try {
    await postgresQuery(port, 'postgres', `CREATE DATABASE "${database}"`);
    if (options.sql !== undefined) await query(options.sql);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return Object.assign(server, { database, url: `postgresql://postgres@127.0.0.1:${port}/${database}`, query });
}

interface Owner {
  uid: number;
  gid: number;
}

function unprivilegedUser(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (user === undefined) throw new Error('PostgreSQL cannot run as root, and there is neither a user postgres nor a user nobody');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

async function createData(data: string, owner: Owner | undefined): Promise<void> {
  const shared = process.env[postgresTemplateVariable];
  const template = shared === undefined ? undefined : join(shared, 'data');
  if (template === undefined || !existsSync(template)) {
    const initdb = requireServer('initdb');
    const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '-N', '-E', 'UTF8', '--locale=C'];
    await run(initdb, args, { cwd: '/', ...owner });
    if (shared === undefined || template === undefined) return;
    // Complete or not there at all: copied beside it, then renamed. Whoever comes second leaves his to the clean-up.
    const copy = await mkdtemp(join(shared, 'copy-'));
    await cp(data, copy, { recursive: true });
    await rename(copy, template).catch(() => {});
    return;
  }
  await run('cp', ['-R', template, data]);
  if (owner !== undefined) await run('chown', ['-R', `${owner.uid}:${owner.gid}`, data]);
  await run('chmod', ['700', data]);
}

/** A killed server leaves a segment of shared memory behind, named in its lock file. */
async function removeSharedMemory(data: string): Promise<void> {
  let lock: string;
  try {
    lock = readFileSync(join(data, 'postmaster.pid'), 'utf8');
  } catch {
    return;
  }
  const id = lock.split('\n')[6]?.trim().split(/\s+/)[1];
  if (id !== undefined) await run('ipcrm', ['-m', id]).catch(() => {});
}
