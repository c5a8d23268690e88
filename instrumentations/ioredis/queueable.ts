import { queueability } from '../../src/core/queueable-commands.ts';

type Argument = string | Uint8Array;

/** A command as it waits: data that the queue's codec keeps. */
export interface QueuedCommand {
  readonly name: string;
  readonly args: readonly Argument[];
}

export interface Queueable {
  readonly command: QueuedCommand;
  /** What it changes, as bytes in `latin1`: a text and a Buffer of the same bytes are one key. */
  readonly keys: readonly string[];
  readonly reply: 'OK';
}

/**
 * A command that may wait; `undefined` for one whose reply nobody can know yet, or that the server would refuse as it stands.
 * @param args as `sendCommand` has them: flat, with the key prefix in place. When replayed, it must not be put before them again
 * @param also names of `likely` commands that are to wait too, in lower case
 */
export function queueable(name: string, args: readonly unknown[], also: readonly string[] = []): Queueable | undefined {
  const lower = name.toLowerCase();
  const kind = queueability(lower);
  if (kind !== 'certain' && !(kind === 'likely' && also.includes(lower))) return undefined;
  const given = args.map(argument);
  if (!given.every((each) => each !== undefined) || !wellFormed(lower, given)) return undefined;
  return { command: { name: lower, args: given }, keys: keysOf(lower, given), reply: 'OK' };
}

/** A key's bytes as text. */
export function keyText(key: Argument): string {
  return (typeof key === 'string' ? Buffer.from(key) : Buffer.from(key.buffer, key.byteOffset, key.byteLength)).toString('latin1');
}

function argument(value: unknown): Argument | undefined {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}

function keysOf(name: string, args: readonly Argument[]): string[] {
  if (name === 'mset') return args.filter((_, index) => index % 2 === 0).map(keyText);
  if (name === 'pfmerge') return args.map(keyText);
  return args.slice(0, name === 'rename' ? 2 : 1).map(keyText);
}

/** Whether the server would take it as it stands; what it would refuse belongs to its caller, now. */
function wellFormed(name: string, args: readonly Argument[]): boolean {
  switch (name) {
    case 'set':
      return args.length >= 2 && setOptions(args) !== undefined;
    case 'setex':
    case 'psetex':
      return args.length === 3 && isTime(args[1]);
    case 'mset':
      return args.length >= 2 && args.length % 2 === 0;
    case 'hmset':
      return args.length >= 3 && args.length % 2 === 1;
    case 'lset':
      return args.length === 3 && isInteger(args[1]);
    case 'ltrim':
      return args.length === 3 && trimsOnce(args[1], args[2]);
    case 'rename':
      return args.length === 2;
    default:
      return args.length >= 1;
  }
}

export interface SetOptions {
  /** ms to live, from when the command was given. */
  readonly ttlMs?: number;
  /** The key's life depends on more than this command. */
  readonly otherwise?: boolean;
}

/** `undefined` for options that change the reply (NX, XX, GET, IFEQ, ...) or that are not known. */
export function setOptions(args: readonly Argument[]): SetOptions | undefined {
  const options = args.slice(2).map((each) => String(each instanceof Uint8Array ? keyText(each) : each).toLowerCase());
  if (options.length === 0) return {};
  const [unit, amount] = options;
  if (unit === 'keepttl' && options.length === 1) return { otherwise: true };
  if (options.length !== 2 || !isTime(amount)) return undefined;
  if (unit === 'ex') return { ttlMs: Number(amount) * 1_000 };
  if (unit === 'px') return { ttlMs: Number(amount) };
  return unit === 'exat' || unit === 'pxat' ? { otherwise: true } : undefined;
}

/** Whether to trim a second time changes nothing: a write that was sent, and whose answer was lost, is sent again. */
function trimsOnce(start: Argument | undefined, stop: Argument | undefined): boolean {
  if (!isInteger(start) || !isInteger(stop)) return false;
  return Number(start) < 0 ? Number(stop) === -1 : Number(start) === 0 && Number(stop) >= -1;
}

function isInteger(value: Argument | undefined): boolean {
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value);
}

/** Seconds or milliseconds that are whole, over 0 and not beyond what the server counts in. */
function isTime(value: Argument | undefined): boolean {
  return typeof value === 'string' && /^\d{1,12}$/.test(value) && Number(value) > 0;
}
