import { describe, expect, it, vi } from 'vitest';
import { judge, ServerGroup, serverGroup } from '../../../instrumentations/shared/admission.ts';
import { setFaultReporter } from '../../../src/core/fault.ts';
import { Registry } from '../../../src/registry/registry.ts';
import { ManualClock } from '../../../src/testing.ts';

const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const reset = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
const redis = { scheme: 'redis', address: '10.0.0.5', port: 6379 };

function fixture() {
  const registry = new Registry({ clock: new ManualClock() });
  const group = serverGroup(registry, redis);
  return { registry, group, read: group.breaker('read'), write: group.breaker('write') };
}

describe('the breakers of a server', () => {
  it('are named by server, namespace and class of operation', () => {
    const { registry, read } = fixture();
    expect(read.name).toBe('redis://10.0.0.5:6379 read');
    expect(read.target).toEqual({ system: 'redis', address: '10.0.0.5', port: 6379, operation: 'read', server: 'redis://10.0.0.5:6379' });
    const name = (address: string, port?: number, operation?: string, namespace?: string): string =>
      serverGroup(registry, { scheme: 'x', address, port }).breaker(operation, namespace).name;
    expect(name('h', 1, 'read', 'shop')).toBe('x://h:1/shop read');
    expect(name('::1', 80)).toBe('x://[::1]:80');
    expect(name('/run/redis.sock', undefined, 'read')).toBe('x:///run/redis.sock read');
  });

  it('are made once, by whatever client, and again when the registry has dropped one', () => {
    const { registry, group, read } = fixture();
    expect(serverGroup(registry, { ...redis })).toBe(group);
    expect(serverGroup(new Registry(), redis)).not.toBe(group);
    expect(group.breaker('read')).toBe(read);
    registry.remove(read.name);
    expect(group.breaker('read')).not.toBe(read);
    expect(group.breaker('read')).toBe(registry.find(read.name));
  });

  it('are followed by one group, however many servers there are', () => {
    const { registry, group, read } = fixture();
    const follow = vi.spyOn(read, 'on');
    for (let port = 1; port <= 2_000; port += 1) serverGroup(registry, { ...redis, port }).breaker('read');
    expect(serverGroup(registry, redis)).toBe(group);
    expect(serverGroup(registry, redis).breaker('read')).toBe(read);
    expect(follow).not.toHaveBeenCalled();
  });

  it('take the defaults of the instrumentation', () => {
    const group = new ServerGroup(new Registry(), { ...redis, defaults: { open: { durationMs: 123 } } });
    expect(group.breaker('read').options.open.durationMs).toBe(123);
  });

  it('close together when the calls of one succeed again, though nobody asks the others', () => {
    const { registry, group, read, write } = fixture();
    group.fault(refused());
    expect([read.state, write.state]).toEqual(['open', 'open']);
    (registry.clock as ManualClock).advance(read.options.open.maxMs);
    for (let i = 0; i < read.options.halfOpen.permits; i += 1) read.tryAcquire()?.succeed();
    expect([read.state, write.state]).toEqual(['closed', 'closed']);
  });

  it('close at once when a client of the application has connected after refusals, however often they were refused', () => {
    const { group, read, write } = fixture();
    for (let round = 0; round < 3; round += 1) {
      group.fault(refused());
      expect([group.refusing, read.state, write.state]).toEqual([true, 'open', 'open']);
      group.reached(false);
      expect([group.refusing, read.state, write.state]).toEqual([false, 'closed', 'closed']);
    }
  });

  it('stay as they are when calls have failed, for a connection does not refute them', () => {
    const { group, read } = fixture();
    for (let call = 0; call < 20; call += 1) read.tryAcquire()?.fail(new Error('OOM'));
    expect(read.state).toBe('open');
    group.reached(true);
    expect(read.state).not.toBe('closed');
  });

  it('share a fault of the connection that a call carried, counted once for each', () => {
    const { group, read, write } = fixture();
    const permit = read.tryAcquire();
    if (permit !== undefined) group.settleWithFault(permit, reset());
    expect(read.snapshot().window).toMatchObject({ recorded: 1, failures: 1 });
    expect(write.snapshot().window).toMatchObject({ recorded: 1, failures: 1 });
  });

  it('count one fault once, though it ends many calls', () => {
    const { group, read, write } = fixture();
    const error = reset();
    for (const permit of [read.tryAcquire(), read.tryAcquire(), read.tryAcquire()]) if (permit !== undefined) group.settleWithFault(permit, error);
    expect(read.snapshot().window.failures).toBe(3);
    expect(write.snapshot().window.failures).toBe(1);
  });

  it('keep a failure that is not the connection’s to themselves', () => {
    const { group, read, write } = fixture();
    const permit = read.tryAcquire();
    if (permit !== undefined) group.settleWithFault(permit, new Error('OOM'));
    expect(read.snapshot().window.failures).toBe(1);
    expect(write.snapshot().window.recorded).toBe(0);
  });

  it('all open at once when the server refuses connections, and are half-open as soon as it is back', () => {
    const { group, read, write, registry } = fixture();
    const other = serverGroup(registry, { ...redis, port: 6380 }).breaker('read');
    group.fault(refused());
    expect([read.state, write.state, other.state]).toEqual(['open', 'open', 'closed']);
    group.recovered();
    expect([read.state, write.state]).toEqual(['half_open', 'half_open']);
  });

  it('leave the overflow breaker alone, which stands for other servers too', () => {
    const registry = new Registry({ clock: new ManualClock(), maxBreakers: 1 });
    registry.get('first');
    const group = serverGroup(registry, redis);
    expect(group.breaker('read').name).toBe('_other');
    group.fault(refused());
    expect(group.breaker('read').state).toBe('closed');
  });

  it('tell of an outage: calls that wait wait in vain', () => {
    const { group } = fixture();
    const outages: string[] = [];
    group.onOutage((outage) => outages.push(outage));
    group.fault(refused());
    expect(outages).toContain('refused');
  });

  it('tell of an outage also when faults of the connection have opened the circuits by their number, whatever their code', () => {
    const { group, read } = fixture();
    const outages: string[] = [];
    group.onOutage((outage) => outages.push(outage));
    for (let call = 0; call < 20; call += 1) {
      const permit = read.tryAcquire();
      if (permit !== undefined) group.settleWithFault(permit, new Error('All sentinels are unreachable'), true);
    }
    expect([read.state, outages]).toEqual(['open', ['refused', 'refused']]);
  });

  it('tell of no outage when calls have failed for a reason of their own', () => {
    const { group, read } = fixture();
    const outages: string[] = [];
    group.onOutage((outage) => outages.push(outage));
    for (let call = 0; call < 20; call += 1) {
      const permit = read.tryAcquire();
      if (permit !== undefined) group.settleWithFault(permit, new Error('OOM'));
    }
    expect([read.state, outages]).toEqual(['open', []]);
  });
});

describe('a user’s classify', () => {
  it('comes before the instrumentation’s default, and its fault changes nothing', () => {
    const faults: unknown[] = [];
    const before = setFaultReporter((error) => faults.push(error));
    const error = new Error('x');
    const breakerWith = (classify?: () => 'ignored' | undefined) => new Registry().replace('b', classify === undefined ? {} : { classify });
    expect(judge(breakerWith(), { ok: false, error }, 'failure')).toBe('failure');
    expect(
      judge(
        breakerWith(() => 'ignored'),
        { ok: false, error },
        'failure',
      ),
    ).toBe('ignored');
    expect(
      judge(
        breakerWith(() => undefined),
        { ok: false, error },
        'failure',
      ),
    ).toBe('failure');
    const throwing = breakerWith(() => {
      throw new Error('the user’s');
    });
    expect(judge(throwing, { ok: true, value: 1 }, 'success')).toBe('success');
    expect(faults).toHaveLength(1);
    setFaultReporter(before);
  });

  it.each([
    ['a word that is none', () => 'fail', 'not fail'],
    ['a promise', async () => Promise.reject(new Error('nobody hears')), 'not a promise'],
  ])('that answers with %s is told of once, and the default holds', (_what, classify, said) => {
    const faults: unknown[] = [];
    const before = setFaultReporter((error) => faults.push((error as Error).message));
    const breaker = new Registry().replace('b', { consecutiveFailures: 2, classify: classify as never });
    for (let call = 0; call < 2; call += 1) {
      const permit = breaker.tryAcquire();
      permit?.settle(judge(breaker, { ok: false, error: new Error('x') }, 'failure'), new Error('x'));
    }
    expect([breaker.state, breaker.meters.calls('failure', false)]).toEqual(['open', 2]);
    expect(faults).toEqual([`classify must return success, failure, ignored or undefined, ${said}`]);
    setFaultReporter(before);
  });
});
