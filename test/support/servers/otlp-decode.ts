import type { Type } from 'protobufjs';
import { otlpType } from './otlp-wire.ts';

export type Signal = 'traces' | 'logs' | 'metrics';

/** OTLP as plain objects in the shape of its JSON encoding: ids in hex, 64-bit integers as strings, enums as numbers. */
export type OtlpObject = Record<string, unknown>;

const names = { traces: 'Traces', logs: 'Logs', metrics: 'Metrics' } as const;

function messageType(signal: Signal, kind: 'Request' | 'Response'): Type {
  return otlpType(`${names[signal]}${kind}`);
}

/** @throws when the body is not such a message */
export function decodeProtobuf(signal: Signal, body: Uint8Array): OtlpObject {
  const type = messageType(signal, 'Request');
  const plain = type.toObject(type.decode(body), { longs: String, bytes: Array, enums: Number });
  return hexIds(plain) as OtlpObject;
}

export function encodeProtobuf(signal: Signal, kind: 'Request' | 'Response', message: OtlpObject): Uint8Array {
  const type = messageType(signal, kind);
  return type.encode(type.fromObject(message)).finish();
}

/** @throws when the body is not JSON of such a message (the ids in hex, as OTLP wants them in JSON) */
export function decodeJson(signal: Signal, body: string): OtlpObject {
  const parsed = JSON.parse(body) as OtlpObject;
  // Throws where a field has the wrong shape. The ids come out wrong (it reads base64), so what it makes is not used.
  messageType(signal, 'Request').fromObject(parsed);
  return parsed;
}

const idKeys = new Set(['traceId', 'spanId', 'parentSpanId']);

/** Bytes fields are arrays of numbers here: ids become hex, other bytes base64, as in JSON. */
function hexIds(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    if (idKeys.has(key)) return Buffer.from(value).toString('hex');
    if (key === 'bytesValue') return Buffer.from(value).toString('base64');
    return value.map((each) => hexIds(each));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, hexIds(each, name)]));
}
