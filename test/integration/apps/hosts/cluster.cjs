const cluster = require('node:cluster');
const { calls } = require('./calls.cjs');

if (cluster.isPrimary) {
  for (let i = 0; i < 2; i += 1) cluster.fork();
  let left = 2;
  cluster.on('message', (worker, report) => {
    console.log(JSON.stringify(report));
    worker.disconnect();
    left -= 1;
    if (left === 0) cluster.disconnect();
  });
} else {
  calls().then((report) => process.send(report));
}
