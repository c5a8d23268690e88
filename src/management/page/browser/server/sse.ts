export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** Reads a stream of server-sent events piece by piece: EventSource cannot send a token. */
export class EventParser {
  #rest = '';

  push(text: string): ServerEvent[] {
    const blocks = (this.#rest + text).replaceAll('\r\n', '\n').split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      let name = 'message';
      const data: string[] = [];
      for (const line of block.split('\n')) {
        const [, field, value = ''] = /^(\w+):? ?(.*)$/.exec(line) ?? [];
        if (field === 'event') name = value;
        else if (field === 'data') data.push(value);
      }
      return data.length === 0 ? [] : [{ name, data: data.join('\n') }];
    });
  }
}
