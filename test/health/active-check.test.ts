import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { Fake, HealthRig, of, settings as settingsOf } from './rig.ts';

/** One check that is asked every ten seconds. */
function one(more: object = {}) {
  const fake = new Fake();
  const rig = new HealthRig({ checks: [of(fake, 'db', more)] });
  rig.monitor.start();
  return { fake, rig };
}

describe('an active check', () => {
  it('is asked soon after the start, and then in its interval', async () => {
    const { fake, rig } = one();
    expect(fake.asked).toBe(0);
    await rig.pass(500);
    expect([fake.asked, rig.statuses]).toEqual([1, { db: 'up' }]);
    await rig.pass(9_900);
    expect(fake.asked).toBe(1);
    await rig.pass(100);
    expect(fake.asked).toBe(2);
  });

  it.each([
    [0, 9_000],
    [0.999_999, 11_000],
  ])('has its interval changed by chance (%d)', async (random, intervalMs) => {
    const { fake, rig } = one();
    rig.clock.randomValue = random;
    await rig.pass(1_000);
    expect(fake.asked).toBe(1);
    await rig.pass(intervalMs - 600);
    expect(fake.asked).toBe(1);
    await rig.pass(700);
    expect(fake.asked).toBe(2);
  });

  it('is asked again sooner after a result that contradicts the one before', async () => {
    const { fake, rig } = one();
    await rig.pass(500);
    fake.state = 'failing';
    await rig.pass(10_000);
    expect([fake.asked, rig.statuses, rig.state('db')?.failures]).toEqual([2, { db: 'up' }, 1]);
    await rig.pass(2_000);
    expect([fake.asked, rig.statuses, rig.state('db')?.error]).toEqual([3, { db: 'down' }, 'refused']);
    await rig.pass(9_900);
    expect(fake.asked).toBe(3);
  });

  it('tells of its verdict when that changes', async () => {
    const { fake, rig } = one({ critical: true });
    await rig.pass(500);
    fake.state = 'failing';
    await rig.pass(30_000);
    fake.state = 'well';
    await rig.pass(10_000);
    const told = { name: 'db', target: {}, critical: true };
    expect(rig.checked).toEqual([
      { ...told, from: 'unknown', to: 'up', error: undefined },
      { ...told, from: 'up', to: 'down', error: 'refused' },
      { ...told, from: 'down', to: 'up', error: undefined },
    ]);
  });

  it('that gets no answer in time has failed, and is told so by its signal', async () => {
    const { fake, rig } = one({ timeoutMs: 700, failures: 1 });
    fake.state = 'hanging';
    await rig.pass(1_100);
    expect([fake.asked, fake.signals[0]?.aborted, rig.statuses]).toEqual([1, false, { db: 'unknown' }]);
    await rig.pass(100);
    expect(rig.state('db')).toMatchObject({ status: 'down', error: 'no answer within 700 ms', durationMs: 700 });
    expect(fake.signals[0]?.aborted).toBe(true);
  });

  it('never runs beside itself: one that does not end counts as failed, and is asked again once it has', async () => {
    const { fake, rig } = one({ failures: 3 });
    fake.state = 'hanging';
    fake.heedsSignal = false;
    await rig.pass(60_000);
    expect(fake.asked).toBe(1);
    expect(rig.state('db')).toMatchObject({
      status: 'down',
      error: expect.stringMatching(/^the check before has been under way for \d+ s and does not end$/),
    });
    fake.release();
    fake.state = 'well';
    await rig.pass(10_000);
    expect([fake.asked, rig.statuses]).toEqual([2, { db: 'up' }]);
  });

  it('is not to blame when this process was busy at its time-out', async () => {
    const { fake, rig } = one({ timeoutMs: 1_000 });
    fake.state = 'hanging';
    await rig.pass(500);
    rig.clock.skip(5_000);
    await rig.pass(100);
    expect(fake.signals[0]?.aborted).toBe(false);
    fake.release();
    await rig.pass(50);
    expect(rig.statuses).toEqual({ db: 'up' });
  });

  it('comes to an end in a process that is always busy', async () => {
    const { fake, rig } = one({ timeoutMs: 1_000, failures: 1 });
    fake.state = 'hanging';
    await rig.pass(500);
    for (let busy = 0; busy < 6; busy += 1) {
      rig.clock.skip(5_000);
      await rig.pass(1);
    }
    expect(rig.statuses).toEqual({ db: 'down' });
  });

  it('that is stopped is aborted, and its result counts no more', async () => {
    const { fake, rig } = one({ failures: 1 });
    fake.state = 'hanging';
    await rig.pass(500);
    rig.monitor.stop();
    expect(fake.signals[0]?.reason).toEqual(new Error('the check was stopped'));
    await rig.pass(60_000);
    expect([fake.signals[0]?.aborted, fake.asked, rig.statuses, rig.clock.pendingTimers]).toEqual([true, 1, { db: 'unknown' }, 0]);
    rig.monitor.start();
    fake.state = 'well';
    await rig.pass(500);
    expect([fake.asked, rig.statuses]).toEqual([2, { db: 'up' }]);
  });

  it('that throws at once, or says nothing of why, has failed all the same', async () => {
    const thrown: unknown[] = [
      new TypeError('no'),
      'text',
      undefined,
      new AggregateError([new Error('a'), new Error('b'), new Error('a')]),
      new Error('fetch failed', { cause: new Error('connect ECONNREFUSED') }),
      new Error(`redis://user:secret@h:1/?password=secret ${'x'.repeat(500)}`),
      new Error('one\ntwo\u001b[31m'),
      Object.assign(new Error(''), { code: 'ECONNRESET' }),
      Object.assign(new Error('8A:error:0A:SSL'), { code: 'ERR_SSL_WRONG', reason: 'wrong version' }),
    ];
    const errors: unknown[] = [];
    for (const error of thrown) {
      const rig = new HealthRig({
        checks: [
          {
            name: 'db',
            failures: 1,
            check: () => {
              throw error;
            },
          },
        ],
      });
      rig.monitor.start();
      await rig.pass(500);
      errors.push(rig.state('db')?.error);
    }
    expect(errors.map((error) => String(error).slice(0, 45))).toEqual([
      'no',
      'text',
      'undefined',
      'a; b',
      'fetch failed: connect ECONNREFUSED',
      'redis://[...]@h:1/?[...] xxxxxxxxxxxxxxxxxxxx',
      'one two [31m',
      'ECONNRESET',
      'TLS: wrong version (ERR_SSL_WRONG)',
    ]);
    expect(String(errors[5])).toHaveLength(200);
  });

  it('runs in no caller’s context', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const rig = new HealthRig({ checks: [{ name: 'db', check: () => void seen.push(storage.getStore()) }] });
    storage.run('request', () => rig.monitor.start());
    await storage.run('another', () => rig.pass(500));
    expect(seen).toEqual([undefined]);
  });
});

describe('other settings while checks run', () => {
  it('keep what is known of checks that ask the same', async () => {
    const { fake, rig } = one();
    await rig.pass(10_500);
    const before = rig.state('db');
    const added = new Fake();
    rig.monitor.configure(settingsOf({ checks: [of(added, 'new'), of(fake, 'db', { critical: true, intervalMs: 1_000 })] }));
    expect(rig.state('db')).toMatchObject({ ...before, lastCheckAt: expect.any(String), critical: true });
    expect(rig.statuses).toEqual({ new: 'unknown', db: 'up' });
    await rig.pass(1_000);
    expect([fake.asked, added.asked]).toEqual([3, 1]);
  });

  it('forget what is known of one that asks something else', async () => {
    const { rig } = one();
    await rig.pass(500);
    rig.monitor.configure(settingsOf({ checks: [of(new Fake(), 'db')] }));
    expect(rig.statuses).toEqual({ db: 'unknown' });
  });

  it('end a check that is gone, also one under way', async () => {
    const { fake, rig } = one({ failures: 1 });
    fake.state = 'hanging';
    await rig.pass(500);
    rig.monitor.configure(settingsOf({ checks: [] }));
    await rig.pass(30_000);
    expect([fake.signals[0]?.aborted, fake.asked, rig.monitor.checks(), rig.checked]).toEqual([true, 1, [], []]);
  });

  it('leave one alone that is under way', async () => {
    const { fake, rig } = one();
    fake.state = 'hanging';
    await rig.pass(500);
    rig.monitor.configure(settingsOf({ checks: [of(fake, 'db', { intervalMs: 3_000 })] }));
    fake.release();
    fake.state = 'well';
    await rig.pass(100);
    expect([fake.asked, rig.statuses]).toEqual([1, { db: 'up' }]);
    await rig.pass(3_000);
    expect(fake.asked).toBe(2);
  });
});
