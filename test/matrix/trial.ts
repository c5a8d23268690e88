import { type Combination, lineOf, preloads } from './combinations.ts';
import type { Outcome, Stage } from './program.ts';

/** With the SDK that we set up: the program's own requests to itself are client spans as well. */
const batteries: readonly string[] = [
  ...['CLIENT GET', 'CLIENT GET', 'CLIENT GET', 'CLIENT GET', 'CLIENT get'],
  ...['CLIENT pg-pool.connect', 'CLIENT pg.connect', 'CLIENT pg.query:SELECT postgres'],
  ...['SERVER /http', 'SERVER /pg', 'SERVER /redis'],
];

/** Where nobody but us stands between the program and its clients. */
const observe = { OBSERVE: 'true' };

/** Runs combinations, and says what differs from the same program without us: what its own SDK sees must be seen with us. */
export class Trial {
  readonly #stage: Stage;
  readonly #baselines = new Map<string, Promise<Outcome>>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /**
   * What is wrong with a combination; nothing if it is as it should be.
   * @param node path of the binary
   * @param folder with the program and its packages
   * @param env for the run with us only
   */
  async faults(combination: Combination, node: string, folder: string, env: Readonly<Record<string, string>> = {}): Promise<string[]> {
    try {
      const alone = await this.#baseline(combination, node, folder);
      const { args, options } = preloads(combination);
      const own = {
        ...env,
        ...(options !== '' && { NODE_OPTIONS: options }),
        ...(combination.sdk === 'none' && { OTEL_SDK_DISABLED: 'true', ...observe }),
      };
      return differences(combination, await this.#stage.run({ node, folder, kind: combination.kind, args, env: own }), alone);
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
  }

  async #baseline({ sdk, kind, node: version }: Combination, node: string, folder: string): Promise<Outcome> {
    const auto = sdk.startsWith('auto');
    const key = `${version} ${auto ? lineOf(sdk) : 'bare'} ${kind}`;
    const args = auto ? ['--import', '@opentelemetry/auto-instrumentations-node/register'] : [];
    const known = this.#baselines.get(key) ?? this.#stage.run({ node, folder, kind, args, env: auto ? {} : observe });
    this.#baselines.set(key, known);
    return sdk === 'ours' ? { ...(await known), spans: batteries } : known;
  }
}

function differences(combination: Combination, outcome: Outcome, alone: Outcome): string[] {
  const found: string[] = [];
  const counted = Object.values(outcome.calls);
  if (counted.length !== 3 || counted.some((count) => count !== 1)) found.push(`admissions ${JSON.stringify(outcome.calls)}`);
  const expected = combination.sdk === 'none' ? [] : alone.spans;
  if (JSON.stringify(outcome.spans) !== JSON.stringify(expected)) found.push(`spans [${outcome.spans}] instead of [${expected}]`);
  if (combination.sdk === 'none') {
    found.push(...observable(outcome.observed, alone.observed));
    if (JSON.stringify(outcome.functions) !== JSON.stringify(alone.functions)) found.push('a function is not as it was');
  }
  const noise = outcome.stderr
    .split('\n')
    .filter((text) => text !== '' && !alone.stderr.includes(text.replace(/\d+/g, '')) && !/trace-warnings|DEP\d+/.test(text));
  if (combination.sdk !== 'none' && noise.length > alone.stderr.split('\n').length) found.push(`stderr: ${noise.join(' / ').slice(0, 200)}`);
  return found;
}

/** What a program can tell us by: anything but a call that settles a turn later. */
function observable(seen: Outcome['observed'], alone: Outcome['observed']): string[] {
  const differ = Object.keys(alone).flatMap((part) =>
    Object.keys(alone[part] ?? {}).flatMap((what) => {
      const [now, before] = [seen[part]?.[what], alone[part]?.[what]];
      const same = part === 'turns' ? Number(now) >= Number(before) : JSON.stringify(now) === JSON.stringify(before);
      return same ? [] : [`${part} of ${what}: ${JSON.stringify(now)} instead of ${JSON.stringify(before)}`];
    }),
  );
  return differ.map((text) => text.slice(0, 1_000));
}
