const { createServer, get } = require('node:http');
const { Redis } = require('ioredis');
const { Pool } = require('pg');
require('./service.cjs').run({ Redis, Pool, createServer, get });
