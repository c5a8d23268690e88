import { createServer, get } from 'node:http';
import { Redis } from 'ioredis';
import pg from 'pg';
import { run } from './service.cjs';

await run({ Redis, pg, createServer, get });
