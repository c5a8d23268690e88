import { type HealthInput, healthIssues, resolveHealth } from '../config/health.ts';
import { codeHealthSchema } from '../config/health-schema.ts';
import { ConfigError, type ConfigIssue } from '../core/errors.ts';
import { check } from '../core/schema.ts';
import type { Registry } from '../registry/registry.ts';
import { HealthMonitor, type MonitorParts } from './monitor.ts';

/**
 * Makes a monitor of what a program depends on: its checks, and the circuits of a registry. `start()` begins to check; as `health`
 * of `createManagementServer` it is what `/health` and `/health/ready` tell.
 * @throws ConfigError naming every option at fault, never a password
 */
export function createHealthMonitor(registry: Registry, options: HealthInput = {}, parts: MonitorParts = {}): HealthMonitor {
  const issues: ConfigIssue[] = [];
  const checked = check(codeHealthSchema, options, issues) as HealthInput;
  if (issues.length === 0) issues.push(...healthIssues([{ where: '', input: checked }]));
  const resolved = resolveHealth([checked]);
  if (issues.length > 0 || resolved === undefined)
    throw new ConfigError(issues.map((issue) => ({ ...issue, path: issue.path.replace(/^health\./, '') })));
  return new HealthMonitor(registry, resolved, parts);
}
