// Run by watchdog.test.ts: starts servers, one of them frozen, and waits to be killed.
import { readlinkSync } from 'node:fs';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

const servers = [await startRedis(), await startPostgres()];
const told = servers.map(({ pid }) => ({ pid, directory: readlinkSync(`/proc/${pid}/cwd`) }));
servers[1]?.freeze();
console.log(JSON.stringify({ servers: told }));
setInterval(() => {}, 60_000);
