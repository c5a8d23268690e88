import type { BreakerView } from './breakers.ts';
import { readBreakers } from './breakers.ts';
import { type Group, groups, type Load, type Results } from './load.ts';

const labels: Record<Group, string> = { redis: 'Redis', postgres: 'PostgreSQL', http: 'upstream' };

export interface LiveView {
  /** What is going on, shown on top; a line of its own where the output is no terminal. */
  announce(text: string): void;
  stop(): void;
}

/** Shows rates and breakers while the demo runs: a table redrawn in place, or a line now and then where there is no terminal. */
export function startLiveView(load: Load, metricsUrl: string, output: NodeJS.WriteStream = process.stdout): LiveView {
  // Narrower lines would wrap, and what is redrawn in place would not be where it was.
  const terminal = output.isTTY === true && output.columns >= 92;
  const startedAt = performance.now();
  let title = '';
  let drawn = 0;
  let breakers: BreakerView[] = [];
  let reading = false;
  const seconds = () => `${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(3)} s`;

  const tick = async () => {
    if (!reading) {
      reading = true;
      // A metrics endpoint that is late shows its last numbers; a broken one is told at the end of the demo.
      breakers = await readBreakers(metricsUrl).catch(() => breakers);
      reading = false;
    }
    if (stopped) return;
    const now = performance.now();
    const rates = load.results.map((results) => groups.map((group) => rate(results, group, now)));
    if (terminal) draw(rates);
    else output.write(`${seconds()}  ${line(rates)}\n`);
  };

  function draw(rates: Rate[][]): void {
    const cell = ({ ok, failed, waiting }: Rate) => `${`${ok}`.padStart(3)} ok ${`${failed}`.padStart(3)} failed ${`${waiting}`.padStart(3)} waiting`;
    const rows = [
      `\x1b[1m${seconds()}  ${title}\x1b[0m`,
      `${'requests per second'.padEnd(20)}${'without'.padEnd(36)}with otel-breaker`,
      ...groups.map((group, index) => labels[group].padEnd(20) + rates.map((each) => cell(each[index] ?? none).padEnd(36)).join('')),
      `${'breaker'.padEnd(46)}${'state'.padEnd(12)}${'let through'.padStart(12)}${'rejected'.padStart(10)}${'in flight'.padStart(10)}`,
      ...breakers.map(
        ({ name, state, calls, rejections, inFlight }) =>
          `${name.padEnd(46)}${paint(state)}${' '.repeat(Math.max(1, 12 - state.length))}${`${calls}`.padStart(12)}${`${rejections}`.padStart(10)}${`${inFlight}`.padStart(10)}`,
      ),
    ];
    output.write(`${drawn > 0 ? `\x1b[${drawn}A` : ''}${rows.map((row) => `\x1b[2K${row}`).join('\n')}\n\x1b[J`);
    drawn = rows.length;
  }

  function line(rates: Rate[][]): string {
    const shops = rates.map((each, index) => {
      const cells = groups.map((group, at) => `${labels[group]} ${each[at]?.ok}/${each[at]?.failed}/${each[at]?.waiting}`);
      return `${index === 0 ? 'without' : 'with'}: ${cells.join(' ')}`;
    });
    const notClosed = breakers
      .filter(({ state }) => state !== 'closed')
      .map(({ name, state, rejections }) => `${name} ${state} (${rejections} rejected)`);
    return `${shops.join(' | ')}${notClosed.length > 0 ? ` | ${notClosed.join(', ')}` : ''}`;
  }

  let stopped = false;
  if (!terminal) output.write('Each line: ok/failed per second and waiting requests, by dependency; then the breakers that are not closed.\n');
  const timer = setInterval(tick, terminal ? 500 : 2_000);
  return {
    announce(text) {
      title = text;
      if (!terminal) output.write(`${seconds()}  == ${text}\n`);
    },
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

interface Rate {
  ok: number;
  failed: number;
  waiting: number;
}
const none: Rate = { ok: 0, failed: 0, waiting: 0 };

/** Of the last second. */
function rate({ samples, waiting }: Results, group: Group, now: number): Rate {
  let ok = 0;
  let failed = 0;
  // In the order of their ends: what ended more than a second ago stands before.
  for (let index = samples.length - 1; index >= 0; index--) {
    const sample = samples[index];
    if (sample === undefined || sample.startedAt + sample.durationMs < now - 1_000) break;
    if (sample.group !== group) continue;
    if (sample.error === '') ok++;
    else failed++;
  }
  return { ok, failed, waiting: waiting[group] };
}

function paint(state: string): string {
  const colour = state === 'closed' ? 32 : state === 'half_open' ? 33 : 31;
  return `\x1b[${colour}m${state}\x1b[0m`;
}
