export const nodes = ['20', '22', '24', '26'] as const;
export const sdks = ['ours', 'none', 'auto 2.x before', 'auto 2.x after', 'auto 3.x before', 'auto 3.x after'] as const;
export const kinds = ['ESM', 'CommonJS'] as const;
export const ways = ['--import', '--require', 'NODE_OPTIONS'] as const;

export type Sdk = (typeof sdks)[number];
export type Kind = (typeof kinds)[number];
export type Way = (typeof ways)[number];

export interface Combination {
  readonly node: string;
  readonly sdk: Sdk;
  readonly kind: Kind;
  readonly way: Way;
}

/** The lines of OpenTelemetry, each as the packages that a user of it installs. */
export const lines = {
  '2.x': ['@opentelemetry/api@1.9.1', '@opentelemetry/auto-instrumentations-node@0.81.2'],
  '3.x': ['@opentelemetry/api@1.10.0', '@opentelemetry/auto-instrumentations-node@0.82.0'],
} as const;

export type Line = keyof typeof lines;

export function lineOf(sdk: Sdk): Line {
  return sdk.includes('3.x') ? '3.x' : '2.x';
}

/** All that exist: the 3.x line wants Node 22.15. */
export function combinations(wanted: readonly string[]): Combination[] {
  return wanted.flatMap((node) =>
    sdks
      .filter((sdk) => lineOf(sdk) === '2.x' || Number(node.split('.')[0]) >= 22)
      .flatMap((sdk) => kinds.flatMap((kind) => ways.map((way) => ({ node, sdk, kind, way })))),
  );
}

/** How the command line and NODE_OPTIONS name the preloads of a combination. */
export function preloads({ sdk, way }: Combination): { readonly args: string[]; readonly options: string } {
  const flag = way === '--require' ? '--require' : '--import';
  const auto = '@opentelemetry/auto-instrumentations-node/register';
  const ours = 'otel-breaker/register';
  const names = sdk.endsWith('before') ? [auto, ours] : sdk.endsWith('after') ? [ours, auto] : [ours];
  const args = names.flatMap((name) => [flag, name]);
  return way === 'NODE_OPTIONS' ? { args: [], options: args.join(' ') } : { args, options: '' };
}
