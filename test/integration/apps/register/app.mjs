import { createServer, get } from 'node:http';
import { Redis } from 'ioredis';
import pg from 'pg';
import service from './service.cjs';

service.run({ Redis, Pool: pg.Pool, createServer, get });
