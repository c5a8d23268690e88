import { keyText, type QueuedCommand, setOptions } from './queueable.ts';

type Argument = QueuedCommand['args'][number];

/**
 * What to send for a command that has waited. A time to live counts from when the caller was answered: what is left of it is sent, by PX, which needs
 * no agreement of clocks and every version has. A value that would have expired meanwhile has still replaced the one before it: the
 * key is deleted.
 */
export function replayed({ name, args }: QueuedCommand, ageMs: number): QueuedCommand {
  const write = name === 'set' || name === 'setex' || name === 'psetex' ? written(name, args) : undefined;
  if (write?.ttlMs === undefined) return { name, args };
  const left = Math.ceil(write.ttlMs - ageMs);
  return left > 0 ? { name: 'set', args: [write.key, write.value, 'PX', String(left)] } : { name: 'del', args: [write.key] };
}

/** A write that waits, as `DurableQueue.pending` gives it. */
export interface PendingCommand {
  readonly command: QueuedCommand;
  readonly ageMs: number;
}

/**
 * What a read sees of the writes that wait. `{ value }`: the answer. `unknown`: writes of a key wait, and what the server would say after
 * them is not known; while the server is away the read is made and fails, with no kept answer of before them; while it is back but behind, the read
 * waits or is refused. `undefined`: nothing of it waits.
 * @param keys that the command reads, from `keyText`, in order
 * @param encoding `null` for the forms that return Buffers
 */
export function pendingReply(
  name: string,
  keys: readonly string[],
  pendingOf: (key: string) => readonly PendingCommand[],
  encoding: BufferEncoding | null = 'utf8',
): { readonly value: unknown } | 'unknown' | undefined {
  const lower = name.toLowerCase();
  const pending = keys.map((key) => pendingOf(key));
  if (pending.every(({ length }) => length === 0)) return undefined;
  if (lower !== 'get' && lower !== 'mget') return 'unknown';
  const values = keys.map((key, index) => valueAfter(key, pending[index] ?? []));
  if (!values.every((value) => value !== undefined)) return 'unknown';
  const replies = values.map((value) => (value === null ? null : inEncoding(value, encoding)));
  return { value: lower === 'get' ? replies[0] : replies };
}

/** What a key holds after the writes that wait; `null` for nothing, `undefined` if that is not known. */
function valueAfter(key: string, pending: readonly PendingCommand[]): Argument | null | undefined {
  const last = pending.at(-1);
  if (last === undefined) return undefined;
  const { name, args } = last.command;
  if (name === 'mset') {
    // The last of several values for one key counts.
    const at = args.findLastIndex((each, index) => index % 2 === 0 && keyText(each) === key);
    return at < 0 ? undefined : args[at + 1];
  }
  const write = written(name, args);
  if (write === undefined || write.otherwise) return undefined;
  return write.ttlMs !== undefined && write.ttlMs <= last.ageMs ? null : write.value;
}

interface Written {
  readonly key: Argument;
  readonly value: Argument;
  readonly ttlMs?: number;
  readonly otherwise?: boolean;
}

/** What SET and its kin write. */
function written(name: string, args: readonly Argument[]): Written | undefined {
  const [key, second, third] = args;
  if (key === undefined || second === undefined) return undefined;
  if (name === 'set') {
    const options = setOptions(args);
    return options && { key, value: second, ...options };
  }
  if (third === undefined || (name !== 'setex' && name !== 'psetex')) return undefined;
  return { key, value: third, ttlMs: Number(second) * (name === 'setex' ? 1_000 : 1) };
}

function inEncoding(value: Argument, encoding: BufferEncoding | null): string | Buffer {
  const bytes = Buffer.from(value as Uint8Array);
  return encoding === null ? bytes : bytes.toString(encoding);
}
