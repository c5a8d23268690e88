const { isMainThread, parentPort, Worker } = require('node:worker_threads');
const { calls } = require('./calls.cjs');

if (isMainThread) {
  new Worker(__filename).once('message', (report) => console.log(JSON.stringify(report)));
} else {
  calls().then((report) => parentPort.postMessage(report));
}
