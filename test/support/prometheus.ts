/** One line of values: `name{labels} value [timestamp]`. */
export interface PrometheusSample {
  name: string;
  labels: Record<string, string>;
  value: number;
  timestamp?: number;
}

export interface PrometheusFamily {
  name: string;
  type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';
  help: string;
  samples: PrometheusSample[];
}

const types = ['counter', 'gauge', 'histogram', 'summary', 'untyped'] as const;
const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/**
 * Reads the text exposition format 0.0.4 the strict way, as Prometheus itself does or stricter: a HELP or TYPE given twice or after its samples, samples
 * of one family that do not stand together, a sample given twice, bad names, labels, escapes and values are all refused.
 * @throws with the number of the line
 */
export function parsePrometheus(text: string): Map<string, PrometheusFamily> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end with a line feed');
  const families = new Map<string, PrometheusFamily>();
  const seen = new Set<string>();
  const described = new Set<string>();
  let current: PrometheusFamily | undefined;

  text.split('\n').forEach((line, index) => {
    try {
      if (line.startsWith('#')) comment(line);
      else if (line.trim() !== '') sample(line);
    } catch (error) {
      throw new Error(`line ${index + 1}: ${error instanceof Error ? error.message : error}: ${line}`);
    }
  });
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;

  function comment(line: string): void {
    const match = /^# (HELP|TYPE) (\S+)(?: (.*))?$/.exec(line);
    if (match === null) return;
    const [, keyword = '', name = '', rest = ''] = match;
    if (!metricName.test(name)) throw new Error('bad metric name');
    if (described.has(`${keyword} ${name}`)) throw new Error(`${keyword} given twice`);
    described.add(`${keyword} ${name}`);
    const family = open(name);
    if (family.samples.length > 0) throw new Error(`${keyword} after the samples`);
    if (keyword === 'HELP') {
      family.help = unescaped(rest, false);
      return;
    }
    const type = types.find((each) => each === rest);
    if (type === undefined) throw new Error('unknown type');
    family.type = type;
  }

  function open(name: string): PrometheusFamily {
    if (current?.name === name) return current;
    if (families.has(name)) throw new Error('the family was left and is taken up again');
    current = { name, type: 'untyped', help: '', samples: [] };
    families.set(name, current);
    return current;
  }

  function sample(line: string): void {
    const read = parseSample(line);
    const key = `${read.name}{${Object.entries(read.labels).sort().join(';')}}`;
    if (seen.has(key)) throw new Error('sample given twice');
    seen.add(key);
    const family = current !== undefined && belongs(read.name, current) ? current : open(read.name);
    family.samples.push(read);
  }
}

/** The value of the one sample of that name whose labels include these; undefined when there is none. @throws when several do */
export function sampleValue(families: Map<string, PrometheusFamily>, name: string, labels: Record<string, string> = {}): number | undefined {
  const found = samplesOf(families, name, labels);
  if (found.length > 1) throw new Error(`${found.length} samples of ${name} match ${JSON.stringify(labels)}`);
  return found[0]?.value;
}

/** All samples of that name whose labels include these. */
export function samplesOf(families: Map<string, PrometheusFamily>, name: string, labels: Record<string, string> = {}): PrometheusSample[] {
  const wanted = Object.entries(labels);
  return [...families.values()]
    .flatMap((family) => family.samples)
    .filter((each) => each.name === name && wanted.every(([key, value]) => each.labels[key] === value));
}

function belongs(name: string, family: PrometheusFamily): boolean {
  if (name === family.name) return true;
  const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : family.type === 'summary' ? ['_sum', '_count'] : [];
  return suffixes.some((suffix) => name === family.name + suffix);
}

function parseSample(line: string): PrometheusSample {
  const head = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?/.exec(line);
  if (head === null) throw new Error('bad metric name');
  const labels: Record<string, string> = {};
  let rest = line.slice(head[0].length);
  while (head[2] === '{') {
    if (rest.startsWith('}')) {
      rest = rest.slice(1);
      break;
    }
    const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(,|(?=\}))/.exec(rest);
    if (label === null) throw new Error('bad label');
    const [whole, name = '', value = ''] = label;
    if (name in labels) throw new Error(`label ${name} given twice`);
    labels[name] = unescaped(value, true);
    rest = rest.slice(whole.length);
  }
  const tail = /^[ \t]+(\S+)(?:[ \t]+(-?\d+))?$/.exec(rest);
  if (tail === null) throw new Error('bad value');
  const made: PrometheusSample = { name: head[1] ?? '', labels, value: parseValue(tail[1] ?? '') };
  if (tail[2] !== undefined) made.timestamp = Number(tail[2]);
  return made;
}

function parseValue(text: string): number {
  if (text === 'NaN') return Number.NaN;
  if (/^[+-]?Inf$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) throw new Error(`bad value ${text}`);
  return Number(text);
}

function unescaped(text: string, quotes: boolean): string {
  return text.replace(/\\(.?)/g, (_all, next: string) => {
    if (next === 'n') return '\n';
    if (next === '\\' || (next === '"' && quotes)) return next;
    throw new Error(`bad escape \\${next}`);
  });
}

function checkHistogram({ name, samples }: PrometheusFamily): void {
  const series = new Map<string, { last: number; bound: number; count?: number; infinite?: number }>();
  for (const { name: sampleName, labels, value } of samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(Object.entries(others).sort());
    const state = series.get(key) ?? { last: 0, bound: -Infinity };
    series.set(key, state);
    if (sampleName === `${name}_count`) state.count = value;
    if (sampleName !== `${name}_bucket`) continue;
    if (le === undefined) throw new Error(`${name}: a bucket without le`);
    const bound = parseValue(le);
    if (bound <= state.bound || value < state.last) throw new Error(`${name}: buckets are out of order or not cumulative`);
    Object.assign(state, { bound, last: value });
    if (bound === Infinity) state.infinite = value;
  }
  for (const { count, infinite } of series.values()) {
    if (infinite === undefined || infinite !== count) throw new Error(`${name}: the +Inf bucket is not the count`);
  }
}
