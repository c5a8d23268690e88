import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { ServerGroup } from '../../../instrumentations/shared/admission.ts';
import type { TransitionEvent } from '../../../src/breaker/events.ts';
import type { Mode } from '../../../src/core/options.ts';
import { Registry } from '../../../src/registry/registry.ts';
import { ManualClock } from '../../../src/testing.ts';
import { freePort } from '../../support/servers/free-port.ts';

const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

/** A server at whose port nobody listens, unless told otherwise. */
function groupAt(port: number, mode: () => Mode = () => 'enforce') {
  const clock = new ManualClock();
  const registry = new Registry({ clock, resolve: (_name, _target, lowest) => ({ options: { ...lowest, mode: mode() } }) });
  const liveness = { ask: 'x', timeoutMs: 100 };
  const group = new ServerGroup(registry, { scheme: 'redis', address: '127.0.0.1', port, liveness, defaults: { stall: { calls: 1, afterMs: 100 } } });
  const moves: [name: string, to: string, trigger: string, error: string | undefined][] = [];
  const seen = ({ breaker, to, trigger, error }: TransitionEvent) =>
    moves.push([breaker.target.operation ?? '', to, trigger, (error as { code?: string } | undefined)?.code]);
  registry.on('added', ({ breaker }) => void breaker.on('transition', seen));
  /** Piece by piece: a clock that jumps says that this process was busy, and then nothing is judged. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 10) {
      clock.advance(10);
      await new Promise(setImmediate);
    }
  };
  return { clock, registry, group, moves, pass };
}

it('calls that wait for a server which refuses when it is asked open its circuits with what it did, not with a time-out', async () => {
  const { group, moves, pass } = groupAt(await freePort());
  const [read, write] = [group.breaker('read'), group.breaker('write')];
  read.tryAcquire();
  await pass(1_100);
  await expect.poll(() => read.state).toBe('open');
  expect(moves).toEqual([
    ['read', 'open', 'stall', 'ECONNREFUSED'],
    ['write', 'open', 'connection', 'ECONNREFUSED'],
  ]);
  expect(read.snapshot().lastTrip?.errorType).toBe('ECONNREFUSED');
  expect(read.refusal()?.cause).toMatchObject({ code: 'ECONNREFUSED' });
  expect([write.state, group.refusing]).toEqual(['open', true]);
});

it('a silent server is one that gave no answer in time', async () => {
  const port = await freePort();
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { group, moves, pass } = groupAt(port);
  group.breaker('read').tryAcquire();
  await pass(1_300);
  server.close();
  expect(moves).toEqual([['read', 'open', 'stall', 'ECALLTIMEOUT']]);
  expect(group.refusing).toBe(false);
});

it('probes that the watch takes back are taken back with what the server did', async () => {
  const { group, moves, pass } = groupAt(await freePort());
  const read = group.breaker('read');
  group.fault(refused());
  moves.length = 0;
  await pass((read.snapshot().retryAfterMs ?? 0) + 10);
  await expect.poll(() => moves.at(-1)).toEqual(['read', 'open', 'connection', 'ECONNREFUSED']);
});

it('a class that is first used while the server is known to refuse does not have to find it out', async () => {
  const { clock, group, moves } = groupAt(await freePort());
  group.breaker('read');
  group.fault(refused());
  expect(group.breaker('write').state).toBe('open');
  expect(moves.at(-1)).toEqual(['write', 'open', 'connection', 'ECONNREFUSED']);
  // For as long as one of them is watched.
  clock.advance(3_500);
  expect(group.breaker('scan').state).toBe('open');
  group.reached(true);
  expect(group.breaker('delete').state).toBe('closed');
});

it('what was heard long ago, and nobody has asked since, is no evidence', async () => {
  const { clock, registry, group } = groupAt(await freePort());
  const read = group.breaker('read');
  group.fault(refused());
  registry.remove(read.name);
  clock.advance(3_001);
  expect(group.breaker('read').state).toBe('closed');
});

it('one that had been switched off begins with it as well, after the others have heard that it is on', async () => {
  let mode: Mode = 'off';
  const { registry, group, moves } = groupAt(await freePort(), () => mode);
  const read = group.breaker('read');
  group.fault(refused());
  expect(read.state).toBe('disabled');
  mode = 'enforce';
  registry.configure(() => ({ options: { mode } }));
  await Promise.resolve();
  expect(moves).toEqual([
    ['read', 'closed', 'config', undefined],
    ['read', 'open', 'connection', 'ECONNREFUSED'],
  ]);
});
