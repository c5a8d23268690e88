const { createServer, get } = require('node:http');
const { Redis } = require('ioredis');
const pg = require('pg');
require('./service.cjs').run({ Redis, pg, createServer, get });
