// The part of `npm run matrix` that needs nothing from the registry: this Node, OpenTelemetry's 2.x line.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Combination, combinations, lineOf, ways } from '../matrix/combinations.ts';
import { Stage } from '../matrix/program.ts';
import { Trial } from '../matrix/trial.ts';
import { repository } from '../support/spawn-app.ts';

const node = process.versions.node.split('.')[0] as string;
/** Each state of the SDK with each kind of module, by one of the ways in turn. */
const part = combinations([node])
  .filter(({ sdk }) => lineOf(sdk) === '2.x')
  .filter(({ way }, index) => way === ways[Math.floor(index / ways.length) % ways.length]);

let stage: Stage;
let trial: Trial;

beforeAll(async () => {
  stage = await Stage.open();
  trial = new Trial(stage);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const name = ({ sdk, kind, way }: Combination): string => `${kind} by ${way}, SDK: ${sdk}`;

it.each(part.map((combination) => [name(combination), combination] as const))(
  'one admission a call, and the spans of the same program without us: %s',
  async (_name, combination) => {
    // The guess would find the SDK among this repository's own dependencies.
    const env = { OTEL_BREAKER_SDK: combination.sdk === 'ours' ? 'on' : 'auto' };
    expect(await trial.faults(combination, process.execPath, join(repository, 'test/matrix'), env)).toEqual([]);
  },
);
