import type { Conversation } from './conversation.ts';

/** The server's, as the protocol has it (PostgreSQL, chapter "Message Formats"). */
export interface Message {
  readonly type: string;
  readonly body: Buffer;
}

const maxBody = 32_768;

export async function receive(line: Conversation): Promise<Message> {
  const head = await line.take(5);
  const length = head.readInt32BE(1) - 4;
  if (length < 0 || length > maxBody) throw new Error('what answers does not speak the protocol of PostgreSQL');
  return { type: String.fromCharCode(head[0] ?? 0), body: await line.take(length) };
}

/** Of the client, with its length before it. The first messages have no type. */
export function message(type: string, body: Uint8Array | string): Buffer {
  const content = typeof body === 'string' ? Buffer.from(`${body}\0`) : body;
  const head = Buffer.alloc(4);
  head.writeInt32BE(content.length + 4);
  return Buffer.concat([Buffer.from(type), head, content]);
}

export const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

export function startup(parameters: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(parameters).flat().join('\0');
  return message('', Buffer.concat([Buffer.from([0, 3, 0, 0]), Buffer.from(`${text}\0\0`)]));
}

/** Of an error or a notice: severity, SQLSTATE, text. */
export function fieldsOf(body: Buffer): { readonly code: string; readonly text: string } {
  const fields = new Map(
    body
      .toString('utf8')
      .split('\0')
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
  return { code: fields.get('C') ?? '', text: fields.get('M') ?? 'an error' };
}
