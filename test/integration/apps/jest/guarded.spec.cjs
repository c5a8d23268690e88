const { calls } = require('../hosts/calls.cjs');

test('each call is admitted once', async () => {
  expect(await calls()).toEqual({ redis: 1, postgresql: 1, http: 1 });
});
