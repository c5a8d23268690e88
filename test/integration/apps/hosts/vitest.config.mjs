export default { test: { include: ['in-vitest.test.mjs'] } };
