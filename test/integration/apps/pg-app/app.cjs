require('./operations.cjs').run(require('pg'));
