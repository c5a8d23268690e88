import protobuf from 'protobufjs';

/**
 * The wire format of OTLP/protobuf, as far as an exporter uses it: per message the fields by their numbers, written down
 * from the OTLP specification. `*` marks a repeated field, `?` one that is there or not (the others read as zero when they are not).
 */
const messages: Readonly<Record<string, string>> = {
  AnyValue:
    '1 stringValue? string, 2 boolValue? bool, 3 intValue? int64, 4 doubleValue? double, 5 arrayValue ArrayValue, 6 kvlistValue KeyValueList, 7 bytesValue? bytes',
  ArrayValue: '1 values* AnyValue',
  KeyValueList: '1 values* KeyValue',
  KeyValue: '1 key string, 2 value AnyValue',
  InstrumentationScope: '1 name string, 2 version string, 3 attributes* KeyValue, 4 droppedAttributesCount uint32',
  Resource: '1 attributes* KeyValue, 2 droppedAttributesCount uint32',
  TracesRequest: '1 resourceSpans* ResourceSpans',
  ResourceSpans: '1 resource Resource, 2 scopeSpans* ScopeSpans, 3 schemaUrl string',
  ScopeSpans: '1 scope InstrumentationScope, 2 spans* Span, 3 schemaUrl string',
  Span: [
    '1 traceId bytes, 2 spanId bytes, 3 traceState string, 4 parentSpanId bytes, 5 name string, 6 kind int32',
    '7 startTimeUnixNano fixed64, 8 endTimeUnixNano fixed64, 9 attributes* KeyValue, 10 droppedAttributesCount uint32',
    '11 events* SpanEvent, 12 droppedEventsCount uint32, 13 links* SpanLink, 14 droppedLinksCount uint32, 15 status Status, 16 flags fixed32',
  ].join(', '),
  SpanEvent: '1 timeUnixNano fixed64, 2 name string, 3 attributes* KeyValue, 4 droppedAttributesCount uint32',
  SpanLink: '1 traceId bytes, 2 spanId bytes, 3 traceState string, 4 attributes* KeyValue, 5 droppedAttributesCount uint32, 6 flags fixed32',
  Status: '2 message string, 3 code int32',
  LogsRequest: '1 resourceLogs* ResourceLogs',
  ResourceLogs: '1 resource Resource, 2 scopeLogs* ScopeLogs, 3 schemaUrl string',
  ScopeLogs: '1 scope InstrumentationScope, 2 logRecords* LogRecord, 3 schemaUrl string',
  LogRecord: [
    '1 timeUnixNano fixed64, 2 severityNumber int32, 3 severityText string, 5 body AnyValue, 6 attributes* KeyValue, 7 droppedAttributesCount uint32',
    '8 flags fixed32, 9 traceId bytes, 10 spanId bytes, 11 observedTimeUnixNano fixed64, 12 eventName string',
  ].join(', '),
  MetricsRequest: '1 resourceMetrics* ResourceMetrics',
  ResourceMetrics: '1 resource Resource, 2 scopeMetrics* ScopeMetrics, 3 schemaUrl string',
  ScopeMetrics: '1 scope InstrumentationScope, 2 metrics* Metric, 3 schemaUrl string',
  Metric: [
    '1 name string, 2 description string, 3 unit string, 5 gauge Gauge, 7 sum Sum, 9 histogram Histogram',
    '10 exponentialHistogram ExponentialHistogram, 11 summary Summary, 12 metadata* KeyValue',
  ].join(', '),
  Gauge: '1 dataPoints* NumberDataPoint',
  Sum: '1 dataPoints* NumberDataPoint, 2 aggregationTemporality int32, 3 isMonotonic bool',
  Histogram: '1 dataPoints* HistogramDataPoint, 2 aggregationTemporality int32',
  ExponentialHistogram: '1 dataPoints* ExponentialHistogramDataPoint, 2 aggregationTemporality int32',
  Summary: '1 dataPoints* SummaryDataPoint',
  NumberDataPoint: [
    '2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 4 asDouble? double, 5 exemplars* Exemplar, 6 asInt? sfixed64',
    '7 attributes* KeyValue, 8 flags uint32',
  ].join(', '),
  HistogramDataPoint: [
    '2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 4 count fixed64, 5 sum? double, 6 bucketCounts* fixed64, 7 explicitBounds* double',
    '8 exemplars* Exemplar, 9 attributes* KeyValue, 10 flags uint32, 11 min? double, 12 max? double',
  ].join(', '),
  ExponentialHistogramDataPoint: [
    '1 attributes* KeyValue, 2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 4 count fixed64, 5 sum? double, 6 scale sint32, 7 zeroCount fixed64',
    '8 positive Buckets, 9 negative Buckets, 10 flags uint32, 11 exemplars* Exemplar, 12 min? double, 13 max? double, 14 zeroThreshold double',
  ].join(', '),
  Buckets: '1 offset sint32, 2 bucketCounts* uint64',
  SummaryDataPoint:
    '2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 4 count fixed64, 5 sum double, 6 quantileValues* ValueAtQuantile, 7 attributes* KeyValue, 8 flags uint32',
  ValueAtQuantile: '1 quantile double, 2 value double',
  Exemplar: '2 timeUnixNano fixed64, 3 asDouble? double, 4 spanId bytes, 5 traceId bytes, 6 asInt? sfixed64, 7 filteredAttributes* KeyValue',
  TracesResponse: '1 partialSuccess TracesPartialSuccess',
  TracesPartialSuccess: '1 rejectedSpans int64, 2 errorMessage string',
  LogsResponse: '1 partialSuccess LogsPartialSuccess',
  LogsPartialSuccess: '1 rejectedLogRecords int64, 2 errorMessage string',
  MetricsResponse: '1 partialSuccess MetricsPartialSuccess',
  MetricsPartialSuccess: '1 rejectedDataPoints int64, 2 errorMessage string',
};

function fieldsOf(text: string): Record<string, protobuf.IField> {
  return Object.fromEntries(
    text.split(', ').map((field) => {
      const [id, name = '', type = ''] = field.split(' ');
      const rule = name.endsWith('*') ? { rule: 'repeated' } : {};
      return [name.replace(/[*?]$/, ''), { id: Number(id), type, ...rule }];
    }),
  );
}

let root: protobuf.Root | undefined;

/** A message type of OTLP by its name above. */
export function otlpType(name: string): protobuf.Type {
  root ??= protobuf.Root.fromJSON({
    nested: Object.fromEntries(Object.entries(messages).map(([message, text]) => [message, { fields: fieldsOf(text) }])),
  });
  return root.lookupType(name);
}
