const { calls } = require('../hosts/calls.cjs');
const { Redis } = require('ioredis');
const { Client } = require('pg');
const Pool = require('pg-pool');

const guarded = Symbol.for('otel-breaker.guarded');
const prototypes = [Redis.prototype, Client.prototype, Pool.prototype];

test('what jest has loaded is as it was after removal', async () => {
  expect(prototypes.map((prototype) => Object.hasOwn(prototype, guarded))).toEqual([true, true, true]);
  await removePreload();
  expect(prototypes.map((prototype) => Object.hasOwn(prototype, guarded))).toEqual([false, false, false]);
  // Sources of the client's own, not of a guard.
  expect(String(Pool.prototype.query)).toMatch('this.connect(');
  expect(await calls()).toEqual({});

  jest.resetModules();
  expect(Object.hasOwn(require('pg').Client.prototype, guarded)).toBe(false);
});
