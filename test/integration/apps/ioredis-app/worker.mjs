// The app in a worker thread: its preloads are inherited with the command line.
import { Worker } from 'node:worker_threads';
import serving from '../../../support/serve.cjs';

const worker = new Worker(new URL('./worker-thread.mjs', import.meta.url), { argv: process.argv.slice(2) });
serving.serve({
  calls: () => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject).postMessage('go')),
});
