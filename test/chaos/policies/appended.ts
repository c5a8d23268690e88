import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * What a Redis with an append-only file that is never rewritten has written, in the order in which it has carried it out: key and value of each
 * SET. A last command cut short by a kill had no answer.
 */
export async function carriedOut(directory: string): Promise<[key: string, value: string][]> {
  const folder = join(directory, 'appendonlydir');
  const numberOf = (name: string): number => Number(/\.(\d+)\.incr\.aof$/.exec(name)?.[1] ?? 0);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.incr.aof')).sort((a, b) => numberOf(a) - numberOf(b));
  const sets: [string, string][] = [];
  for (const file of files) {
    for (const [name, key, value] of commandsIn(await readFile(join(folder, file)))) {
      if (name?.toLowerCase() === 'set' && key !== undefined && value !== undefined) sets.push([key, value]);
    }
  }
  return sets;
}

/** Commands in the protocol of Redis: arrays of bulk strings. */
function* commandsIn(bytes: Buffer): Generator<string[]> {
  let at = 0;
  const line = (): string | undefined => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const text = bytes.toString('latin1', at, end);
    at = end + 2;
    return text;
  };
  for (;;) {
    const head = line();
    if (head === undefined) return;
    // Annotations, such as times.
    if (!head.startsWith('*')) continue;
    const words: string[] = [];
    for (let left = Number(head.slice(1)); left > 0; left -= 1) {
      const length = Number(line()?.slice(1));
      if (!(at + length + 2 <= bytes.byteLength)) return;
      words.push(bytes.toString('latin1', at, at + length));
      at += length + 2;
    }
    yield words;
  }
}
