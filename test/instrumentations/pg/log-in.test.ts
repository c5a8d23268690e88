import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { logIn } from '../../../instrumentations/pg/log-in.ts';
import { createLiveness, type Verify } from '../../../instrumentations/shared/liveness.ts';
import { ManualClock } from '../../../src/testing.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const client = { user: 'shop', database: 'orders', ssl: undefined };
const authentication = (kind: number): Buffer => Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, kind]);
const errorOf = (code: string): Buffer => {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0Mno\0\0`);
  const head = Buffer.from([69, 0, 0, 0, 0]);
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
};
const isSslRequest = (data: Buffer): boolean => data.length === 8 && data.readInt32BE(4) === 80_877_103;

/** A server that answers SSLRequest with `first`, and what comes after it with `then`. */
async function serverThat(first: string | undefined, then: (socket: Socket, data: Buffer) => void = () => {}) {
  const heard: Buffer[] = [];
  let ended: 'in order' | 'by a reset' | undefined;
  const server = createServer((socket) => {
    closing.push(() => socket.destroy());
    socket.on('error', () => {
      ended = 'by a reset';
    });
    socket.on('end', () => {
      ended ??= 'in order';
      socket.end();
    });
    socket.on('data', (data) => {
      heard.push(data);
      if (!isSslRequest(data)) then(socket, data);
      else if (first === undefined) socket.destroy();
      else socket.write(first);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return { port: (server.address() as { port: number }).port, heard, ended: () => ended };
}

function asking(port: number, clock?: ManualClock, as: typeof client | undefined = client): Verify {
  return createLiveness({ to: { host: '127.0.0.1', port }, talk: (socket, hearing) => logIn(socket, hearing, as), timeoutMs: 500 }, clock);
}

describe('asking PostgreSQL whether it takes log-ins', () => {
  it.each(['57P01', '57P02', '57P03'])('no: it says that it is starting up, or going down (%s), in pieces too', async (code) => {
    const whole = errorOf(code);
    const { port } = await serverThat('N', (socket) => {
      socket.write(whole.subarray(0, 3));
      setImmediate(() => socket.write(whole.subarray(3)));
    });
    expect(await asking(port)()).toBe(false);
  });

  it('yes: it lets us in, and we leave politely', async () => {
    const { port, heard, ended } = await serverThat('N', (socket, data) => {
      if (data[0] !== 88) socket.write(authentication(0));
    });
    expect(await asking(port)()).toBe(true);
    await expect.poll(ended).toBe('in order');
    const [, startup, farewell] = heard;
    expect(startup?.readInt32BE(0)).toBe(startup?.length);
    expect(startup?.toString('latin1', 8)).toBe('user\0shop\0database\0orders\0\0');
    expect(farewell).toEqual(Buffer.from([88, 0, 0, 0, 4]));
  });

  it('yes: it asks for a password, and is told nothing more', async () => {
    const { port, heard, ended } = await serverThat('N', (socket) => socket.write(authentication(10)));
    expect(await asking(port)()).toBe(true);
    await expect.poll(ended).toBe('in order');
    expect(heard).toHaveLength(2);
  });

  it.each(['28000', '3D000', '53300', '08P01'])(
    'yes: it refuses this log-in for a reason that calls have to find out for themselves (%s)',
    async (code) => {
      const { port } = await serverThat('N', (socket) => socket.write(errorOf(code)));
      expect(await asking(port)()).toBe(true);
    },
  );

  it('yes: it has answered, but wants no log-in without more ado: it ends the connection, keeps silent, or speaks of something else', async () => {
    const { port } = await serverThat('N', (socket) => socket.destroy());
    expect(await asking(port)()).toBe(true);
    const other = await serverThat('E');
    expect(await asking(other.port)()).toBe(true);
    const clock = new ManualClock();
    const silent = await serverThat('N');
    const answer = asking(silent.port, clock)();
    await expect.poll(() => silent.heard.length).toBe(2);
    clock.advance(500);
    expect(await answer).toBe(true);
  });

  it('yes: nobody has told us how to log in, so that any answer will do', async () => {
    const { port, heard } = await serverThat('N');
    expect(await createLiveness({ to: { host: '127.0.0.1', port }, talk: (socket, hearing) => logIn(socket, hearing, undefined) })()).toBe(true);
    expect(heard).toHaveLength(1);
  });

  it('yes: it speaks TLS, and what follows cannot be read', async () => {
    const { port } = await serverThat('S', (socket) => socket.end('no TLS'));
    expect(await asking(port)()).toBe(true);
    expect(await asking(port, undefined, { ...client, ssl: { minVersion: 'none' } } as never)()).toBe(true);
  });

  it('no: there is no answer at all', async () => {
    const { port } = await serverThat(undefined);
    expect(await asking(port)()).toBe(false);
    const clock = new ManualClock();
    const server = await serverThat('');
    const answer = asking(server.port, clock)();
    await expect.poll(() => server.heard.length).toBe(1);
    clock.advance(500);
    expect(await answer).toBe(false);
  });
});
