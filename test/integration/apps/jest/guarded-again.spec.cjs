const { calls } = require('../hosts/calls.cjs');

test('each call is admitted once, and once again with fresh modules', async () => {
  expect(await calls()).toEqual({ redis: 1, postgresql: 1, http: 1 });
  jest.resetModules();
  expect(await require('../hosts/calls.cjs').calls()).toEqual({ redis: 2, postgresql: 2, http: 2 });
});
