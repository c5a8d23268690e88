import Redis from 'ioredis';
import { run } from './operations.cjs';

run(Redis);
