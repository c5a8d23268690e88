import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createLiveness } from '../../../instrumentations/shared/liveness.ts';
import { ManualClock } from '../../../src/testing.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

async function serverThat(answers: (socket: Socket, data: string) => void): Promise<{ port: number; connections: () => number; server: Server }> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => answers(socket, data.toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, connections: () => connections, server };
}

describe('asking a server whether it is there', () => {
  it('any answer will do', async () => {
    const { port } = await serverThat((socket, data) => socket.write(data === 'PING\r\n' ? '-NOAUTH\r\n' : ''));
    expect(await createLiveness({ to: { host: '127.0.0.1', port }, ask: 'PING\r\n' })()).toBe(true);
  });

  it('unless it says that it is of no use', async () => {
    const { port } = await serverThat((socket) => socket.write('-LOADING\r\n'));
    const verify = createLiveness({
      to: { host: '127.0.0.1', port },
      ask: 'PING\r\n',
      accepts: (answer) => !answer.toString().startsWith('-LOADING'),
    });
    expect(await verify()).toBe(false);
  });

  it('silence is none, once its time is over', async () => {
    const { port, connections } = await serverThat(() => undefined);
    const clock = new ManualClock();
    const answer = createLiveness({ to: { host: '127.0.0.1', port }, ask: 'PING\r\n', timeoutMs: 300 }, clock)();
    let known: boolean | undefined;
    answer.then((value) => (known = value));
    await expect.poll(connections).toBe(1);
    clock.advance(299);
    await new Promise(setImmediate);
    expect(known).toBeUndefined();
    clock.advance(1);
    expect(await answer).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a time-out that comes late says that this process was busy: the answer is waited for once more, not for ever', async () => {
    const { port, connections } = await serverThat(() => undefined);
    const clock = new ManualClock();
    const late = { now: () => clock.now() * 2, setTimer: clock.setTimer.bind(clock), random: () => 0 };
    const answer = createLiveness({ to: { host: '127.0.0.1', port }, ask: 'PING\r\n', timeoutMs: 300 }, late)();
    let known: boolean | undefined;
    answer.then((value) => (known = value));
    await expect.poll(connections).toBe(1);
    clock.advance(300 + 150 * 3);
    await new Promise(setImmediate);
    expect(known).toBeUndefined();
    clock.advance(150);
    expect(await answer).toBe(false);
  });

  it('nor is a refused connection, one that is closed, or a socket that is not there', async () => {
    const closing = await serverThat((socket) => socket.destroy());
    const { server, port } = await serverThat(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    expect(await createLiveness({ to: { host: '127.0.0.1', port }, ask: 'x' })()).toBe(false);
    expect(await createLiveness({ to: { host: '127.0.0.1', port: closing.port }, ask: 'x' })()).toBe(false);
    expect(await createLiveness({ to: { path: '/nowhere/redis.sock' }, ask: 'x' })()).toBe(false);
    expect(await createLiveness({ to: { host: '127.0.0.1', port: 70_000 }, ask: 'x' })()).toBe(false);
  });

  it('tells what came in place of an answer: only of silence there is nothing to tell', async () => {
    const closing = await serverThat((socket) => socket.destroy());
    const silent = await serverThat(() => undefined);
    const { server, port } = await serverThat((socket) => socket.write('+PONG\r\n'));
    const met = async (verify: ReturnType<typeof createLiveness>) => [await verify(), (verify.met as { code?: string } | undefined)?.code];
    const verify = createLiveness({ to: { host: '127.0.0.1', port }, ask: 'x' });
    expect(await met(verify)).toEqual([true, undefined]);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const close of open.splice(2)) close();
    });
    expect(await met(verify)).toEqual([false, 'ECONNREFUSED']);
    expect(await met(createLiveness({ to: { host: '127.0.0.1', port: closing.port }, ask: 'x' }))).toEqual([false, 'ECONNRESET']);
    expect(await met(createLiveness({ to: { host: '127.0.0.1', port: silent.port }, ask: 'x', timeoutMs: 50 }))).toEqual([false, undefined]);
  });

  it('with nothing to ask, an accepted connection is the answer', async () => {
    const { port } = await serverThat(() => undefined);
    expect(await createLiveness({ to: { host: '127.0.0.1', port } })()).toBe(true);
  });

  it('with TLS, an alert is an answer and silence is not', async () => {
    const alert = await serverThat((socket) => socket.end(Buffer.from('15030300020228', 'hex')));
    expect(await createLiveness({ to: { host: '127.0.0.1', port: alert.port }, tls: {} })()).toBe(true);
    const silent = await serverThat(() => undefined);
    expect(await createLiveness({ to: { host: '127.0.0.1', port: silent.port }, tls: {}, timeoutMs: 50 })()).toBe(false);
  });

  it('questions asked at once share one connection, later ones get their own', async () => {
    const { port, connections } = await serverThat((socket) => socket.write('+PONG\r\n'));
    const verify = createLiveness({ to: { host: '127.0.0.1', port }, ask: 'PING\r\n' });
    expect(await Promise.all([verify(), verify(), verify()])).toEqual([true, true, true]);
    expect(connections()).toBe(1);
    await verify();
    expect(connections()).toBe(2);
  });
});
