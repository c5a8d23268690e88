require('./operations.cjs').run(require('ioredis'));
