type Environment = Readonly<Record<string, string | undefined>>;

const allowance = 'OTEL_BREAKER_ALLOW_FAULTS';

/** What says that this is production, as `NODE_ENV=production`; `undefined` where nothing does. */
export function productionBy(env: Environment): string | undefined {
  const { NODE_ENV: node, OTEL_RESOURCE_ATTRIBUTES: attributes } = env;
  if (node !== undefined && isProduction(node)) return `NODE_ENV=${node.trim()}`;
  for (const pair of attributes?.split(',') ?? []) {
    const [, name = '', value = ''] = /^\s*([^=]+?)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    // The second was its name until 2024.
    if ((name === 'deployment.environment.name' || name === 'deployment.environment') && isProduction(value)) return `${name}=${value}`;
  }
  return undefined;
}

/** By the words of the name: `eu-production` is, `pre-prod` and `product-catalog` are not. */
function isProduction(name: string): boolean {
  const words = name.toLowerCase().split(/[^a-z]+/);
  return words.some((word) => word === 'prod' || word === 'production') && !words.some((word) => /^(pre|non|not|no)$/.test(word));
}

/** @throws Error that says so, where no faults may be injected */
export function refuseInProduction(allowed = false): void {
  const why = whyNoFaults(process.env, allowed);
  if (why !== undefined) throw new Error(why);
}

/** Why no faults may be injected, and how to allow them; `undefined` where they may. @param allowed by the configuration, or by code */
export function whyNoFaults(env: Environment, allowed: boolean): string | undefined {
  const said = env[allowance]?.trim().toLowerCase();
  if (allowed || said === 'true' || said === '1' || said === 'on' || said === 'yes') return undefined;
  const by = productionBy(env);
  return by === undefined
    ? undefined
    : `no faults are injected in production (${by}); ${allowance}=true or, in the configuration, faults: { allowInProduction: true } allows it`;
}
