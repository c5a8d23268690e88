import type { OtlpObject } from './otlp-decode.ts';

export type AttributeValue = string | number | boolean | null | AttributeValue[] | { [key: string]: AttributeValue };
export type Attributes = Record<string, AttributeValue>;

interface Origin {
  resource: Attributes;
  scope: { name: string; version: string };
}

export interface ReceivedSpan extends Origin {
  traceId: string;
  spanId: string;
  /** '' for a root. */
  parentSpanId: string;
  name: string;
  kind: 'UNSPECIFIED' | 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER';
  /** Nanoseconds since 1970. */
  startTime: bigint;
  endTime: bigint;
  attributes: Attributes;
  events: { name: string; time: bigint; attributes: Attributes }[];
  links: { traceId: string; spanId: string; attributes: Attributes }[];
  status: { code: 'UNSET' | 'OK' | 'ERROR'; message: string };
}

export interface ReceivedLog extends Origin {
  time: bigint;
  observedTime: bigint;
  severityNumber: number;
  severityText: string;
  eventName: string;
  body: AttributeValue;
  attributes: Attributes;
  /** '' outside a trace. */
  traceId: string;
  spanId: string;
}

export interface ReceivedPoint {
  attributes: Attributes;
  startTime: bigint;
  time: bigint;
  /** Of a sum or a gauge. */
  value?: number;
  /** Of a histogram. */
  count?: number;
  sum?: number;
  min?: number;
  max?: number;
  bucketCounts?: number[];
  explicitBounds?: number[];
}

export interface ReceivedMetric extends Origin {
  name: string;
  description: string;
  unit: string;
  kind: 'gauge' | 'sum' | 'histogram' | 'exponentialHistogram' | 'summary';
  temporality: 'UNSPECIFIED' | 'DELTA' | 'CUMULATIVE';
  monotonic: boolean;
  points: ReceivedPoint[];
}

const kinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const;
const statusCodes = ['UNSET', 'OK', 'ERROR'] as const;
const temporalities = ['UNSPECIFIED', 'DELTA', 'CUMULATIVE'] as const;
const metricKinds = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const;

export function spansOf(request: OtlpObject): ReceivedSpan[] {
  return leaves(request, 'resourceSpans', 'scopeSpans', 'spans', (span, origin) => ({
    ...origin,
    traceId: id(span['traceId'], 16),
    spanId: id(span['spanId'], 8),
    parentSpanId: id(span['parentSpanId'], 8),
    name: text(span['name']),
    kind: kinds[number(span['kind'])] ?? 'UNSPECIFIED',
    startTime: nanos(span['startTimeUnixNano']),
    endTime: nanos(span['endTimeUnixNano']),
    attributes: attributes(span['attributes']),
    events: objects(span['events']).map((event) => ({
      name: text(event['name']),
      time: nanos(event['timeUnixNano']),
      attributes: attributes(event['attributes']),
    })),
    links: objects(span['links']).map((link) => ({
      traceId: id(link['traceId'], 16),
      spanId: id(link['spanId'], 8),
      attributes: attributes(link['attributes']),
    })),
    status: { code: statusCodes[number(object(span['status'])['code'])] ?? 'UNSET', message: text(object(span['status'])['message']) },
  }));
}

export function logsOf(request: OtlpObject): ReceivedLog[] {
  return leaves(request, 'resourceLogs', 'scopeLogs', 'logRecords', (log, origin) => ({
    ...origin,
    time: nanos(log['timeUnixNano']),
    observedTime: nanos(log['observedTimeUnixNano']),
    severityNumber: number(log['severityNumber']),
    severityText: text(log['severityText']),
    eventName: text(log['eventName']),
    body: anyValue(log['body']),
    attributes: attributes(log['attributes']),
    traceId: id(log['traceId'], 16),
    spanId: id(log['spanId'], 8),
  }));
}

export function metricsOf(request: OtlpObject): ReceivedMetric[] {
  return leaves(request, 'resourceMetrics', 'scopeMetrics', 'metrics', (metric, origin) => {
    const kind = metricKinds.find((each) => metric[each] !== undefined && metric[each] !== null);
    if (kind === undefined) throw new Error(`metric ${text(metric['name'])} has no data`);
    const data = object(metric[kind]);
    return {
      ...origin,
      name: text(metric['name']),
      description: text(metric['description']),
      unit: text(metric['unit']),
      kind,
      temporality: temporalities[number(data['aggregationTemporality'])] ?? 'UNSPECIFIED',
      monotonic: data['isMonotonic'] === true,
      points: objects(data['dataPoints']).map(point),
    };
  });
}

function point(raw: OtlpObject): ReceivedPoint {
  const made: ReceivedPoint = {
    attributes: attributes(raw['attributes']),
    startTime: nanos(raw['startTimeUnixNano']),
    time: nanos(raw['timeUnixNano']),
  };
  const value = raw['asDouble'] ?? raw['asInt'];
  if (value !== undefined) made.value = number(value);
  for (const key of ['count', 'sum', 'min', 'max'] as const) if (raw[key] !== undefined) made[key] = number(raw[key]);
  for (const key of ['bucketCounts', 'explicitBounds'] as const) {
    const list = raw[key];
    if (Array.isArray(list)) made[key] = list.map(number);
  }
  return made;
}

function leaves<T>(request: OtlpObject, top: string, middle: string, leaf: string, make: (raw: OtlpObject, origin: Origin) => T): T[] {
  return objects(request[top]).flatMap((outer) =>
    objects(outer[middle]).flatMap((inner) => {
      const scope = object(inner['scope']);
      const origin = {
        resource: attributes(object(outer['resource'])['attributes']),
        scope: { name: text(scope['name']), version: text(scope['version']) },
      };
      return objects(inner[leaf]).map((raw) => make(raw, origin));
    }),
  );
}

function attributes(list: unknown): Attributes {
  const found: Attributes = {};
  for (const each of objects(list)) {
    const key = text(each['key']);
    if (key in found) throw new Error(`attribute ${key} is given twice`);
    found[key] = anyValue(each['value']);
  }
  return found;
}

function anyValue(raw: unknown): AttributeValue {
  const value = object(raw);
  if (value['arrayValue'] !== undefined) return objects(object(value['arrayValue'])['values']).map(anyValue);
  if (value['kvlistValue'] !== undefined) return attributes(object(value['kvlistValue'])['values']);
  if (value['intValue'] !== undefined) return number(value['intValue']);
  const plain = value['stringValue'] ?? value['boolValue'] ?? value['doubleValue'] ?? value['bytesValue'];
  return typeof plain === 'string' || typeof plain === 'boolean' || typeof plain === 'number' ? plain : null;
}

function object(value: unknown): OtlpObject {
  return typeof value === 'object' && value !== null ? (value as OtlpObject) : {};
}

function objects(value: unknown): OtlpObject[] {
  return Array.isArray(value) ? value.map(object) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number {
  return Number(value ?? 0);
}

function nanos(value: unknown): bigint {
  return BigInt(typeof value === 'number' || typeof value === 'string' ? value : 0);
}

function id(value: unknown, bytes: number): string {
  const hex = text(value);
  if (hex !== '' && !(hex.length === bytes * 2 && /^[0-9a-fA-F]+$/.test(hex))) throw new Error(`not an id of ${bytes} bytes in hex: ${hex}`);
  return hex.toLowerCase();
}
