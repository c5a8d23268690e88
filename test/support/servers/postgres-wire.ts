import { connect } from 'node:net';

export type Row = Record<string, string | null>;

/**
 * One simple query over a connection of its own, spoken by hand: so that the tests' own statements never pass through the
 * client library that is under test.
 * @throws the server's message, or an error when there is no answer within 5 seconds
 */
export function postgresQuery(port: number, database: string, sql: string): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    let buffered = Buffer.alloc(0);
    let asked = false;
    let failure: Error | undefined;
    let columns: string[] = [];
    const rows: Row[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(startup(database)));
    socket.setTimeout(5_000, () => socket.destroy(new Error('PostgreSQL did not answer')));
    socket.once('error', reject);
    socket.once('close', () => reject(failure ?? new Error('PostgreSQL closed the connection')));
    socket.on('data', (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= 5 && buffered.length >= 1 + buffered.readInt32BE(1)) {
        const end = 1 + buffered.readInt32BE(1);
        receive(String.fromCharCode(buffered[0] ?? 0), buffered.subarray(5, end));
        buffered = buffered.subarray(end);
      }
    });

    function receive(type: string, body: Buffer): void {
      if (type === 'E') failure = new Error(errorMessage(body));
      else if (type === 'T') columns = columnNames(body);
      else if (type === 'D') rows.push(dataRow(body, columns));
      else if (type === 'Z' && !asked) {
        asked = true;
        socket.write(message('Q', `${sql}\0`));
      } else if (type === 'Z') {
        socket.end(message('X', ''));
        if (failure === undefined) resolve(rows);
        else reject(failure);
      }
    }
  });
}

function startup(database: string): Buffer {
  const body = Buffer.from(`\0\x03\0\0user\0postgres\0database\0${database}\0\0`, 'latin1');
  const head = Buffer.alloc(4);
  head.writeInt32BE(body.length + 4);
  return Buffer.concat([head, body]);
}

function message(type: string, text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function errorMessage(body: Buffer): string {
  const fields = body.toString().split('\0');
  return fields.find((field) => field.startsWith('M'))?.slice(1) ?? 'error';
}

function columnNames(body: Buffer): string[] {
  const names: string[] = [];
  for (let at = 2, left = body.readInt16BE(0); left > 0; left--) {
    const end = body.indexOf(0, at);
    names.push(body.toString('utf8', at, end));
    at = end + 1 + 18;
  }
  return names;
}

function dataRow(body: Buffer, columns: readonly string[]): Row {
  const row: Row = {};
  let at = 2;
  for (const column of columns) {
    const length = body.readInt32BE(at);
    at += 4;
    row[column] = length < 0 ? null : body.toString('utf8', at, at + length);
    at += Math.max(length, 0);
  }
  return row;
}
