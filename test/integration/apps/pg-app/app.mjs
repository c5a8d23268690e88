import pg from 'pg';
import { run } from './operations.cjs';

run(pg);
