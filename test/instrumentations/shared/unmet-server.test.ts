import { expect, it } from 'vitest';
import { ServerGroup } from '../../../instrumentations/shared/admission.ts';
import { Registry } from '../../../src/registry/registry.ts';
import { ManualClock } from '../../../src/testing.ts';

const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

function newGroup(refusalsUnmet?: number) {
  const server = { scheme: 'postgresql', address: 'db', port: 5432, ...(refusalsUnmet !== undefined && { refusalsUnmet }) };
  const group = new ServerGroup(new Registry({ clock: new ManualClock() }), server);
  return { group, connect: group.breaker('connect'), read: group.breaker('read') };
}

it('an address that nobody ever answered at opens its circuits after several refusals in a row', () => {
  const { group, connect, read } = newGroup(3);
  group.fault(refused());
  group.fault(refused());
  expect([connect.state, read.state]).toEqual(['closed', 'closed']);
  group.fault(refused());
  expect([connect.state, read.state]).toEqual(['open', 'open']);
});

it('many calls that are given one error have met one refusal', () => {
  const { group, read } = newGroup(3);
  const error = refused();
  for (let i = 0; i < 5; i += 1) group.fault(error);
  expect(read.state).toBe('closed');
});

it('a server that has answered opens them with its first refusal, whatever came before', () => {
  const { group, connect, read } = newGroup(3);
  group.fault(refused());
  read.tryAcquire()?.succeed();
  expect(connect.state).toBe('closed');
  group.fault(refused());
  expect([connect.state, read.state]).toEqual(['open', 'open']);
});

it('a call that is refused opens its own circuit as well, once that is proof', () => {
  const { group, read } = newGroup(2);
  for (let i = 0; i < 2; i += 1) {
    const permit = read.tryAcquire();
    if (permit !== undefined) group.settleWithFault(permit, refused());
    expect(read.state).toBe(i === 0 ? 'closed' : 'open');
  }
});

it('one refusal is enough where nothing else is said', () => {
  const { group, read } = newGroup();
  group.fault(refused());
  expect(read.state).toBe('open');
});
