/** Makes about that many calls, and answers how many they were. */
export type Load = (calls: number) => Promise<number>;

export interface InterleaveOptions {
  readonly rounds: number;
  /** How long a contender runs at a stretch, in ms of processor time. */
  readonly sliceMs: number;
  /** Contenders left out. */
  readonly omitted?: RegExp;
}

/**
 * Runs contenders by turns, each round in another order, so that a busy moment of the machine meets all of them.
 * @returns nanoseconds of processor time per call, by contender and round
 */
export async function interleave<Name extends string>(
  contenders: Readonly<Record<Name, Load>>,
  { rounds, sliceMs, omitted = /^$/ }: InterleaveOptions,
): Promise<Record<Name, number[]>> {
  const names = (Object.keys(contenders) as Name[]).filter((name) => !omitted.test(name));
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  const calls = {} as Record<Name, number>;
  for (const name of names) calls[name] = await calibrate(contenders[name], sliceMs);
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(turn + round) % names.length] as Name;
      samples[name].push(await time(contenders[name], calls[name]));
    }
  }
  return samples;
}

/** Warms a load up, and finds how many calls of it fill a slice. */
async function calibrate(load: Load, sliceMs: number): Promise<number> {
  let calls = 100;
  for (let warm = 0; warm < 12; warm += 1) {
    const ns = await time(load, calls);
    // The first few may be too short to be measured at all.
    calls = Math.max(20, Math.min(calls * 10, Math.ceil((sliceMs * 1e6) / ns)));
  }
  return calls;
}

/** Processor time, not the clock's: what else runs on the machine takes none of it. Collecting garbage is in it. */
async function time(load: Load, calls: number): Promise<number> {
  const before = process.cpuUsage();
  const made = await load(calls);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / made;
}

/** So many loops at once, each awaiting its call before it makes the next. */
export function inFlight(loops: number, call: () => PromiseLike<unknown>): Load {
  const loop = async (calls: number): Promise<void> => {
    for (let made = 0; made < calls; made += 1) await call();
  };
  return async (calls) => {
    const each = Math.ceil(calls / loops);
    await Promise.all(Array.from({ length: loops }, () => loop(each)));
    return each * loops;
  };
}
