import { Resolver } from '../config/resolver.ts';
import { type ConfigurationInput, codeConfigSchema } from '../config/schema.ts';
import { clockIssues } from '../core/check-arguments.ts';
import { ConfigError, type ConfigIssue } from '../core/errors.ts';
import { check, type ObjectSchema, type Schema } from '../core/schema.ts';
import { Registry, type RegistryOptions } from './registry.ts';

/** Options of a registry made by hand: those of the configuration file, and its own. */
export type CreateRegistryOptions = RegistryOptions & Pick<ConfigurationInput, 'defaults' | 'systems' | 'breakers'>;

const rules = ['defaults', 'systems', 'breakers'] as const;
const shared = [...rules, 'maxBreakers', 'idleMs'] as const;

const schema: ObjectSchema = {
  kind: 'object',
  properties: {
    ...Object.fromEntries(shared.map((key) => [key, codeConfigSchema.properties[key] as Schema])),
    resolve: { kind: 'function' },
  },
};

/**
 * Makes a registry. `defaults` hold for every breaker; `breakers` are rules by `match`, as in the configuration file.
 * @throws ConfigError naming every option at fault, its value and what is allowed
 */
export function createRegistry(options: CreateRegistryOptions = {}): Registry {
  const { clock, ...given } = options;
  const issues: ConfigIssue[] = clockIssues(clock);
  const { defaults, systems, breakers, ...own } = check(schema, given, issues) as Omit<CreateRegistryOptions, 'clock'>;
  const ruled = rules.some((key) => options[key] !== undefined);
  if (ruled && own.resolve !== undefined) issues.push({ path: 'resolve', value: own.resolve, allowed: `only without ${rules.join(', ')}` });
  if (issues.length > 0) throw new ConfigError(issues);
  const made = { ...own, ...(clock && { clock }) };
  if (!ruled) return new Registry(made);
  const resolver = new Resolver({ code: { ...(defaults && { defaults }), ...(systems && { systems }), ...(breakers && { breakers }) } });
  const clashes = resolver.validate();
  if (clashes.length > 0) throw new ConfigError(clashes);
  return new Registry({ ...made, resolve: (name, target, lowest) => resolver.resolve(name, target, lowest) });
}
