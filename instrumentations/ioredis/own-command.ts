import type { CommandLike, CommandType } from './types.ts';

/** Commands of ours: they have been through the policies, or come from the queue. */
const ownCommands = new WeakSet<object>();

export function isOwn(command: CommandLike): boolean {
  return ownCommands.has(command);
}

type Mutable = { -readonly [K in keyof CommandLike]: CommandLike[K] };

/** Whatever a command has come to be after it was made that matters to how it is sent. */
const carried = ['bufferMode', 'keys', 'slot', 'isReadOnly', 'isCustomCommand'];

/**
 * A command that does the same as another: each attempt needs one, since a command is answered once. Arguments have been
 * transformed and have their prefix already, and the reply is left as the server has sent it: what makes it the caller's is to run once.
 */
export function attemptOf(command: CommandLike): CommandLike {
  // Without a name nothing is done to arguments or keys.
  const made = new (command.constructor as CommandType)('', [], {}) as Mutable;
  made.name = command.name;
  made.args = [...command.args];
  for (const key of carried) {
    const value: unknown = Reflect.get(command, key);
    if (value !== undefined) Reflect.set(made, key, value);
  }
  return asOwn(made);
}

/** A command made of what was queued. */
export function replayOf(type: CommandType, name: string, args: readonly unknown[]): CommandLike {
  const made = new type('', [], {}) as Mutable;
  made.name = name;
  // Buffers, not what the queue's format makes of them: the client asks for their class.
  made.args = args.map((argument) => (argument instanceof Uint8Array && !Buffer.isBuffer(argument) ? Buffer.from(argument) : argument));
  Reflect.set(
    made,
    'bufferMode',
    made.args.some((argument) => Buffer.isBuffer(argument)),
  );
  return asOwn(made);
}

function asOwn(command: Mutable): CommandLike {
  command.transformReply = (reply) => reply;
  ownCommands.add(command);
  return command;
}

/** Of 6.x: how the connection that a reply has come over spells replies. */
export interface ReplyContext {
  readonly protocol: unknown;
  readonly replyMapping: unknown;
}

export function replyContextOf(command: CommandLike): ReplyContext | undefined {
  const { protocol, replyMapping } = command as Partial<ReplyContext>;
  return protocol === undefined ? undefined : { protocol, replyMapping };
}

/** What a caller gets for a reply. */
export function transformed(command: CommandLike, reply: unknown, context: ReplyContext | undefined): unknown {
  if (context !== undefined) Object.assign(command, context);
  return command.transformReply(reply);
}

/** Answers a command with what has been made its caller's already. */
export function answer(command: CommandLike, value: unknown): void {
  command.transformReply = (reply) => reply;
  command.resolve(value);
}
