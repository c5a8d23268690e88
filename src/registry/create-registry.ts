import { Resolver } from '../config/resolver.ts';
import { type ConfigurationInput, codeConfigSchema } from '../config/schema.ts';
import { ConfigError, type ConfigIssue } from '../core/errors.ts';
import { check } from '../core/schema.ts';
import { Registry, type RegistryOptions } from './registry.ts';

/** Options of a registry made by hand: those of the configuration file, and its own. */
export type CreateRegistryOptions = Omit<RegistryOptions, 'resolve'> &
  Pick<ConfigurationInput, 'defaults' | 'systems' | 'breakers'> &
  Pick<RegistryOptions, 'resolve'>;

/**
 * Makes a registry. `defaults` hold for every breaker; `breakers` are rules by `match`, as in the configuration file.
 * @throws ConfigError naming every option at fault, its value and what is allowed
 */
export function createRegistry(options: CreateRegistryOptions = {}): Registry {
  const { defaults, systems, breakers, ...own } = options;
  if (own.resolve !== undefined || (defaults === undefined && systems === undefined && breakers === undefined)) return new Registry(own);
  const issues: ConfigIssue[] = [];
  const code = { ...(defaults && { defaults }), ...(systems && { systems }), ...(breakers && { breakers }) };
  const checked = check(codeConfigSchema, code, issues) as ConfigurationInput;
  const resolver = new Resolver({ code: checked });
  if (issues.length === 0) issues.push(...resolver.validate());
  if (issues.length > 0) throw new ConfigError(issues);
  return new Registry({ ...own, resolve: (name, target, lowest) => resolver.resolve(name, target, lowest) });
}
