import { expect, it } from 'vitest';
import { calls } from './calls.cjs';

it('is guarded inside a test runner', async () => {
  expect(await calls()).toEqual({ redis: 1, postgresql: 1, http: 1 });
});
