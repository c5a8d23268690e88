import type { Attributes, HrTime } from '@opentelemetry/api';
import type { Target } from '../core/target.ts';
import { type CheckEvent, type CheckReading, type HealthEvent, type HealthReading, healthStates } from '../registry/health-board.ts';
import type { Registry } from '../registry/registry.ts';
import { ROOT_CONTEXT } from './api.ts';
import { addTarget, type Named } from './attributes.ts';
import { type Logger, severity } from './logs-api.ts';
import { attributes as a, eventNames, values } from './names.ts';
import { toHrTime } from './produced.ts';
import type { Tell } from './readings.ts';

/** The attributes of the system's series and of each check's, each made once: a check that comes back goes on with its own. */
export class HealthSeries {
  readonly since: HrTime = toHrTime(Date.now());
  readonly #states = healthStates.map((state) => ({ state, attributes: { [a.healthState]: state } }));
  readonly #checks = new Map<string, CheckSeries>();
  #told: readonly CheckReading[] = [];
  #system = false;
  static readonly #known = new WeakMap<Registry, HealthSeries>();

  static of(registry: Registry): HealthSeries {
    const known = HealthSeries.#known.get(registry) ?? new HealthSeries();
    HealthSeries.#known.set(registry, known);
    return known;
  }

  read({ state, checks }: HealthReading, tell: Tell): void {
    for (const each of this.#states) tell('healthStatus', each.state === state ? 1 : 0, each.attributes);
    for (const check of checks) this.#of(check).read(check.status, check.durationMs, tell);
  }

  /** Observable instruments repeat the last value for ever: what is checked no more has no status. */
  observe(reading: HealthReading | undefined, tell: Tell): void {
    if (reading === undefined && this.#system) for (const { attributes } of this.#states) tell('healthStatus', 0, attributes);
    const gone = this.#told.filter((told) => reading?.checks.some((check) => this.#of(check) === this.#of(told)) !== true);
    for (const check of gone) this.#of(check).read(undefined, check.durationMs === undefined ? undefined : 0, tell);
    this.#system = reading !== undefined;
    this.#told = reading?.checks ?? [];
    if (reading !== undefined) this.read(reading, tell);
  }

  #of({ name, target }: CheckReading): CheckSeries {
    const key = `${name} ${target.server ?? ''}`;
    const known = this.#checks.get(key) ?? new CheckSeries(name, target);
    this.#checks.set(key, known);
    return known;
  }
}

class CheckSeries {
  readonly #base: Attributes;
  readonly #statuses: readonly { readonly status: string; readonly attributes: Attributes }[];

  constructor(name: string, target: Target) {
    this.#base = checkAttributes(name, target);
    this.#statuses = values.checkStatus.map((status) => ({ status, attributes: { ...this.#base, [a.checkStatus]: status } }));
  }

  read(status: string | undefined, durationMs: number | undefined, tell: Tell): void {
    for (const each of this.#statuses) tell('checkStatus', each.status === status ? 1 : 0, each.attributes);
    if (durationMs !== undefined) tell('checkDuration', durationMs / 1_000, this.#base);
  }
}

function checkAttributes(name: string, target: Target): Attributes {
  const made: Named = { 'breaker.health.check.name': name };
  addTarget(made, { name, target });
  return made;
}

/** The state of the system as a log record; a person should look when it gets worse. */
export function logHealth(logger: Logger, { from, to, reasons, dependencies }: HealthEvent, timestamp: number): void {
  const { total, up } = dependencies;
  const worse = healthStates.indexOf(to) > healthStates.indexOf(from);
  const attributes: Attributes = { [a.healthState]: to, [a.healthStateFrom]: from, [a.healthDependencies]: total, [a.healthDependenciesUp]: up };
  if (reasons.length > 0) attributes[a.healthReasons] = [...reasons];
  logger.emit({
    eventName: eventNames.healthChange,
    severityNumber: worse ? severity.WARN : severity.INFO,
    severityText: worse ? 'WARN' : 'INFO',
    body: `the state of the system is ${to}, before ${from}: ${up} of ${total} dependencies up${reasons.length === 0 ? '' : `; ${reasons.join('; ')}`}`,
    attributes,
    timestamp,
    context: ROOT_CONTEXT,
  });
}

/** What the results of a check come to as a log record. */
export function logCheck(logger: Logger, { name, target, from, to, critical, error }: CheckEvent, timestamp: number): void {
  const down = to === 'down';
  const said = down ? `is down: ${error ?? 'it failed'}` : from === 'unknown' ? 'is up' : 'is up again';
  logger.emit({
    eventName: eventNames.healthCheck,
    severityNumber: down ? severity.WARN : severity.INFO,
    severityText: down ? 'WARN' : 'INFO',
    body: `${name}${critical ? ' (critical)' : ''} ${said}`,
    attributes: { ...checkAttributes(name, target), [a.checkStatus]: to, [a.checkCritical]: critical },
    timestamp,
    context: ROOT_CONTEXT,
  });
}
